/*
 * submit - RKLLMInput and RKLLMInferParam as the record that a worker needs.
 */
#ifndef FRONT_RPC_SUBMIT_H
#define FRONT_RPC_SUBMIT_H

#include "base/list.h"
#include "front/deadline.h"
#include "front/rpc/param.h"
#include "rkllm/style.h"
#include "wire/msg.h"

enum rkllm_input_type {
	RKLLM_INPUT_PROMPT,
	RKLLM_INPUT_TOKEN,
	RKLLM_INPUT_EMBED,
	RKLLM_INPUT_MULTIMODAL,
};

enum rkllm_infer_mode {
	RKLLM_INFER_GENERATE,
	RKLLM_INFER_GET_LAST_HIDDEN_LAYER,
	RKLLM_INFER_GET_LOGITS,
};

extern const struct shape shape_input;
extern const struct shape shape_infer;

struct cross;

/* What a run is read from. */
struct submit {
	const struct source *input;
	const struct source *infer;
	const struct rkllm_param *param; /* the client's defaults */
	const struct list *adapters;	 /* the client's, by name */
	const struct style *style;	 /* the client's */
	const struct cross *cross;	 /* the client's */
	uint32_t n_ctx;	 /* that ids have to fit into; 0: not known */
	uint32_t n_embd; /* numbers of an embedding; 0: not known, or none */
	bool any_embd;	 /* not known, but there are some */
};

/* What a record may point into beside the request. */
struct submit_mem {
	struct buf text;
	struct buf numbers;
	struct buf joined; /* with a conversation's */
};

void submit_mem_init(struct submit_mem *m);
void submit_mem_done(struct submit_mem *m);

/* What a run is beside its record. */
struct submit_about {
	struct gen_times times;
	bool is_turn;	  /* of the client's conversation */
	bool wants_memfd; /* rows as a memfd, not as JSON */
	struct str save;  /* path for its prompt cache, in the request; or "" */
};

/* Text and numbers of *ret point into the request and into mem. 0, ERR_INVALID, ERR_CONTEXT, ERR_UNSUPPORTED, ERR_NOMEM or ERR_TOO_BIG. */
int submit_read(const struct submit *s, struct submit_mem *mem,
    struct gen_submit *ret, struct submit_about *about, struct fail *f)
    MUST_CHECK;

#endif
