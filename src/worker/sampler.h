/*
 * sampler - from a row of logits to the next token.
 *
 * The samplers of llama-server, in its order, with its meaning: grammar,
 * logit bias, penalties, DRY, top-n-sigma; then on the candidates that are
 * left top-k, typical, top-p, min-p, XTC, temperature and the draw; or
 * mirostat after temperature instead of all those. A token is a function of
 * the logits, the tokens so far, the seed and (mirostat only) mu, so a worker
 * that takes over a generation samples what the dead one would have.
 */
#ifndef WORKER_SAMPLER_H
#define WORKER_SAMPLER_H

#include "worker/cand.h"

#include "wire/msg.h"

/* What an engine lends: samplers that know its vocabulary. NULL: not used.
 * Both change only logits, the order stays. */
struct sampler_hooks {
	void *arg;
	/* Minus infinity for each candidate that the grammar forbids. 0 or
	 * ERR_INTERNAL. */
	int (*grammar)(void *arg, struct cand *v, size_t n);
	/* Penalties by DRY; v holds the distinct tokens of the window. */
	void (*dry)(void *arg, struct cand *v, size_t n);
};

/* Working memory for any number of samplers that take turns. */
struct sampler_room {
	uint32_t n_vocab;
	struct cand *cands;  /* n_vocab */
	struct cand *window; /* n_vocab; for DRY */
	uint32_t *counts;    /* n_vocab; all 0 between calls */
};

/* 0 or ERR_NOMEM. */
int sampler_room_init(struct sampler_room *r, uint32_t n_vocab) MUST_CHECK;
void sampler_room_done(struct sampler_room *r);

struct sampler {
	struct gen_submit knobs; /* its numbers; what it points at is gone */
	struct bias *bias;
	uint32_t n_bias;
	uint32_t n_ctx;	 /* what -1 means in a penalty's window */
	uint32_t n_gone; /* tokens that are no longer among those before */
	float mu;	 /* mirostat's state */
	struct sampler_hooks hooks;
};

/* Copies what it needs of g, which knobs_check() has passed, and adds bans:
 * tokens that are never sampled. 0 or ERR_NOMEM. */
int sampler_init(struct sampler *s, const struct gen_submit *g,
    const int32_t *bans, uint32_t n_bans, uint32_t n_ctx) MUST_CHECK;
void sampler_done(struct sampler *s);

/* The token at position n, after the n tokens of the prompt and the output so
 * far. Changes row. 0; ERR_NOT_FOUND: nothing may come here; ERR_INTERNAL. */
int sampler_pick(struct sampler *s, struct sampler_room *room, float *row,
    const int32_t *tokens, uint32_t n, int32_t *ret) MUST_CHECK;

#endif
