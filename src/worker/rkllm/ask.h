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

#include "worker/rkllm/memo.h"
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
	struct lib_sampling sampling;
	struct ask_lora lora;
	struct buf
	    prompt; /* int32_t each: all before the answer, as GEN_STARTED
			    * tells it; empty: of one message */
	struct buf
	    inputs; /* struct lib_input each: the job's parts, its input */
	struct buf texts;  /* char * each, to free(3): what they point at */
	struct buf tokens; /* int32_t each: the same */
	char *system;	   /* of a template of the client's; or NULL */
	char *tools;	   /* its tools; or NULL */
	char *mark;
	uint32_t n_prompt; /* tokens, where they are known; else 0 */
	uint32_t max_out;  /* tokens, those done included */
	uint64_t key;	   /* of the conversation that it is a turn of; or 0 */
};

/* n_ctx: tokens that the library was told. kept: what it has. 0;
 * ERR_UNSUPPORTED, ERR_INVALID, ERR_CONTEXT or ERR_NOMEM, with the field in why.
 * ask_done() in any case. */
int ask_make(struct ask *a, const struct gen_submit *g, uint32_t n_ctx,
    const struct ask_kept *kept, struct fail *why) MUST_CHECK;
void ask_done(struct ask *a);

/* Those of a->prompt. */
struct i32s ask_prompt(const struct ask *a);

#endif
