/*
 * prompt - what a generation was submitted with, as token ids.
 */
#ifndef WORKER_LLAMA_PROMPT_H
#define WORKER_LLAMA_PROMPT_H

#include "worker/llama/model.h"

/* Whether it is a resume that brings its prompt as token ids. */
bool prompt_is_given(const struct gen_submit *g);

struct prompt {
	/* The caller's, for what comes. */
	int32_t *room;
	uint32_t n_room; /* tokens */
	bool may_be_empty;

	uint32_t n; /* tokens */
	uint32_t
	    n_system; /* of a conversation that begins: its system prompt */
	struct i32s turns;	/* that it goes on from; into the record */
	struct chat_form *form; /* where tools are offered; or NULL */
};

/* Renders, tokenizes or takes over the prompt into the room. Leaves at least
 * one token's place there. 0 and ret->n > 0, unless it may be empty;
 * ERR_INVALID, ERR_CONTEXT, ERR_UNSUPPORTED, ERR_NOMEM or ERR_TOO_BIG with the
 * field in why. ret->form is the caller's in any case. */
int prompt_tokens(const struct model *m, const struct gen_submit *g,
    struct prompt *ret, struct fail *why) MUST_CHECK;

/* Appends what the template makes of a conversation. Errors as above. */
int prompt_text(const struct model *m, const struct gen_submit *g,
    struct buf *out, struct fail *why) MUST_CHECK;

#endif
