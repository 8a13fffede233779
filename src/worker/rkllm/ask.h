/*
 * ask - a generation's record as a job for the library, or why it cannot be
 * one.
 *
 * The sampler, the tokenizer and the chat template are the library's. What it
 * has not (a grammar, biases, log probabilities ...) is ERR_UNSUPPORTED where
 * leaving it out would change the answer. What a surface sends by default is
 * taken, though the library does without: min_p 0.05, say. So is the seed, which
 * the record always has.
 */
#ifndef WORKER_RKLLM_ASK_H
#define WORKER_RKLLM_ASK_H

#include "worker/rkllm/runner.h"

#include "wire/msg.h"

/* A job and what it points at. */
struct ask {
	struct job job;
	struct lib_sampling sampling;
	char *role;
	char *content;	  /* of a message; or NULL */
	int32_t *tokens;  /* of an input of tokens, then those done; or NULL */
	uint32_t n_given; /* of tokens: the prompt; 0: the library counts it */
	uint32_t max_out; /* tokens, those done included */
};

/* n_ctx: tokens that the library was told. 0; ERR_UNSUPPORTED, ERR_INVALID,
 * ERR_CONTEXT or ERR_NOMEM, with the field in why. ask_done() in any case. */
int ask_make(struct ask *a, const struct gen_submit *g, uint32_t n_ctx,
    struct fail *why) MUST_CHECK;
void ask_done(struct ask *a);

#endif
