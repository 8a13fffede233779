/*
 * prompt - what a generation was submitted with, as token ids.
 */
#ifndef WORKER_LLAMA_PROMPT_H
#define WORKER_LLAMA_PROMPT_H

#include "worker/llama/model.h"

/* Whether it is a resume that brings its prompt as token ids. */
bool prompt_is_given(const struct gen_submit *g);

/* Renders, tokenizes or takes over the prompt into room for n_ctx tokens.
 * Leaves at least one token's place in the context. 0 and *ret_n > 0, and
 * *ret_form where tools are offered; ERR_INVALID, ERR_CONTEXT, ERR_UNSUPPORTED,
 * ERR_NOMEM or ERR_TOO_BIG with the field in why. */
int prompt_tokens(const struct model *m, const struct gen_submit *g,
    int32_t *room, uint32_t *ret_n, struct chat_form **ret_form,
    struct fail *why) MUST_CHECK;

#endif
