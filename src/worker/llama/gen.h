/*
 * gen - one generation in a slot: its tokens, what has been decoded of them,
 * and everything that turns logits into text.
 *
 * What a generation does next is a function of its tokens: decode them (as
 * plan.h says), then sample one more. So there is no state to keep in step.
 */
#ifndef WORKER_LLAMA_GEN_H
#define WORKER_LLAMA_GEN_H

#include "worker/emit.h"
#include "worker/llama/embeds.h"
#include "worker/llama/exact.h"
#include "worker/llama/model.h"
#include "worker/llama/rows.h"
#include "worker/llama/tools.h"
#include "worker/plan.h"
#include "worker/sampler.h"

#include "wire/step.h"

struct gen {
	uint64_t id;
	int32_t seq; /* whose cells in the KV cache it has */
	bool is_parked;
	struct model *m;
	struct plan plan;
	struct adapter_set adapters;
	struct embeds embeds;
	struct exact_check check; /* of a resume */
	int32_t *tokens; /* the prompt, then the output; room for n_ctx */
	uint32_t n_tokens;
	uint32_t n_past; /* tokens in the KV cache */
	uint32_t n_out;
	uint32_t max_out;
	uint32_t n_prompt; /* as it was at first */
	uint32_t n_system; /* of it; see struct prompt */
	uint32_t n_whole;  /* of the output, when tokens last were cut */
	bool wants_progress;
	bool may_shift; /* they are when the context is full */
	int32_t n_keep;
	int32_t *turns; /* the plan's */
	uint64_t cache_key;
	uint32_t cache;	   /* an ATTACH_CACHE; 0: none */
	uint32_t save;	   /* an ATTACH_SAVE that is not written yet */
	uint32_t n_cached; /* of the prompt, not computed here */
	struct sampler sampler;
	struct llama_sampler *grammar; /* or NULL */
	struct llama_sampler *dry;     /* or NULL */
	struct rows rows;
	struct tools tools;
	struct emit emit;
	struct buf shown;  /* the prompt as text, where that is wanted */
	uint64_t start_us; /* when it was submitted */
	uint64_t first_us; /* its first token in this process; 0: none yet */
};

/* How a generation that has taken a token stands: 0 or an enum gen_reason. */
#define GEN_GOES_ON 0

/* Checks and takes over a record, renders and tokenizes, replays what was
 * done before. *ret_reason: whether it is over already. 0, or what to answer
 * in why. */
int gen_new(struct model *m, const struct gen_submit *g, int32_t seq,
    struct gen **ret, int *ret_reason, struct fail *why) MUST_CHECK;

/* NULL is allowed. The cells in the KV cache are the caller's to clear. */
void gen_free(struct gen *g);

/* What to decode next; PLAN_NOTHING: sample. */
struct plan_op gen_next(const struct gen *g);

/* Samples from row, which it changes. 0; ERR_NOT_FOUND: nothing may come;
 * ERR_INTERNAL. */
int gen_pick(struct gen *g, struct sampler_room *room, float *row, int32_t *ret)
    MUST_CHECK;

/* Adds a token that is not an end token. *ret_text: what it makes visible,
 * until the next call; in parts where gen_has_parts(). 0 and *ret_reason;
 * ERR_NOMEM or ERR_INTERNAL. */
int gen_take(struct gen *g, int32_t token, struct str *ret_text,
    int *ret_reason) MUST_CHECK;

bool gen_has_parts(const struct gen *g);

/* The last word. Its strings live until the generation is freed. */
void gen_last_word(struct gen *g, int reason, struct gen_done *ret);

#endif
