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

/* What a run is read from. */
struct submit {
	const struct source *input;
	const struct source *infer;
	const struct rkllm_param *param; /* the client's defaults */
	const struct list *adapters;	 /* the client's, by name */
	const struct style *style;	 /* the client's */
	uint32_t n_ctx; /* that ids have to fit into; 0: not known */
};

/* What a run is beside its record. */
struct submit_about {
	struct gen_times times;
	bool is_turn; /* of the client's conversation */
};

/* Text and tokens of *ret point into the request and into mem, an initialized
 * buf. 0, ERR_INVALID, ERR_CONTEXT, ERR_UNSUPPORTED, ERR_NOMEM or ERR_TOO_BIG. */
int submit_read(const struct submit *s, struct buf *mem, struct gen_submit *ret,
    struct submit_about *about, struct fail *f) MUST_CHECK;

#endif
