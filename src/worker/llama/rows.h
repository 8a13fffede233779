/*
 * rows - of a prompt, what the model computes for each of its tokens: hidden
 * states or logits, in place of an answer; or one row made of these (pool.h).
 *
 * The prompt is decoded in batches of model.rows_chunk at multiples of that,
 * each alone, from the first token on also when it is a resume: so the same
 * rows have the same bits. The rows of a batch are kept until they are sent,
 * in frames, and only then is the next batch decoded. What a slow reader costs
 * is one batch.
 */
#ifndef WORKER_LLAMA_ROWS_H
#define WORKER_LLAMA_ROWS_H

#include "worker/llama/model.h"

struct rows {
	enum gen_mode mode; /* MODE_GENERATE: no rows are wanted */
	enum pooling pool;  /* POOL_NONE: each is sent */
	int32_t normalize;  /* the pooled one */
	uint32_t n_cols;    /* floats of a row */
	uint32_t n_prompt;  /* tokens */
	uint32_t n_all;	    /* rows that are sent */
	uint32_t next;	    /* row to be sent next */
	float *data;	    /* room for a batch, or the pooled one */
	uint32_t first;	    /* row that data begins with */
	uint32_t n;	    /* rows in it */
};

/* n_prompt: its tokens. 0; ERR_INVALID, ERR_UNSUPPORTED or ERR_NOMEM with
 * *why. Harmless where none are wanted. */
int rows_init(struct rows *r, const struct model *m, const struct gen_submit *s,
    uint32_t n_prompt, struct fail *why) MUST_CHECK;
void rows_done(struct rows *r);

/* They are made of hidden states. */
static inline bool
rows_are_hidden(const struct rows *r)
{
	return r->mode != MODE_GENERATE && r->mode != MODE_LOGITS;
}

static inline bool
rows_are_wanted(const struct rows *r)
{
	return r->mode != MODE_GENERATE;
}

/* Some are here that have not been sent. */
static inline bool
rows_are_waiting(const struct rows *r)
{
	return r->next < r->first + r->n;
}

static inline bool
rows_are_over(const struct rows *r)
{
	return r->next == r->n_all;
}

/* Keeps those of the batch that has just been run: the tokens [first,
 * first + n) of the prompt, of sequence seq. 0 or ERR_INTERNAL. */
int rows_take(struct rows *r, const struct model *m, int32_t seq,
    uint32_t first, uint32_t n) MUST_CHECK;

/* The next ones that wait, as one frame. They count as sent. */
void rows_give(struct rows *r, struct gen_rows *ret);

#endif
