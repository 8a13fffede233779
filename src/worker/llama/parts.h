/*
 * parts - prompts that come in parts: texts among token ids, code with a hole
 * in it, a query and a document.
 */
#ifndef WORKER_LLAMA_PARTS_H
#define WORKER_LLAMA_PARTS_H

#include "worker/llama/text.h"

/* By g->input. 0; ERR_INVALID, ERR_CONTEXT, ERR_UNSUPPORTED, ERR_NOMEM. */
int parts_tokens(const struct text_to *to, const struct gen_submit *g,
    struct fail *why) MUST_CHECK;

#endif
