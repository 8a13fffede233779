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

#include "worker/rkllm/pieces.h"
#include "worker/rkllm/runner.h"

#include "wire/msg.h"

/* A LoRA adapter that a client has attached. */
struct ask_lora {
	uint32_t id; /* 0: none */
	float scale;
};

/* A conversation that the library has in its KV cache now. */
struct ask_kept {
	uint64_t key; /* 0: none */
	uint32_t n;   /* its numbers, and their hash */
	uint64_t hash;
};

/* A job and what it points at. */
struct ask {
	struct job job;
	struct rkllm13_sampling_param sampling;
	struct ask_lora lora;
	struct buf
	    prompt; /* int32_t each: all before the answer, as GEN_STARTED
			    * tells it; empty: of one message */
	struct pieces pieces; /* the job's parts, its input */
	struct setup setup;   /* the job's */
	struct buf cross;     /* what its cross points at */
	uint32_t n_prompt;    /* tokens, where they are known; else 0 */
	uint32_t max_out;     /* tokens, those done included */
	uint64_t key; /* of the conversation that it is a turn of; or 0 */
};

/* Of the library. */
struct ask_of {
	uint32_t n_ctx;		     /* tokens that it was told */
	bool marks_by_run;	     /* see struct lib_abi */
	const struct ask_kept *kept; /* what it has */
};

/* 0; ERR_UNSUPPORTED, ERR_INVALID, ERR_CONTEXT or ERR_NOMEM, with the field in
 * why. ask_done() in any case. */
int ask_make(struct ask *a, const struct gen_submit *g, const struct ask_of *of,
    struct fail *why) MUST_CHECK;
void ask_done(struct ask *a);

/* Those of a->prompt. */
struct i32s ask_prompt(const struct ask *a);

#endif
