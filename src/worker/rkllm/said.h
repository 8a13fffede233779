/*
 * said - what a record says, and what was said before it, as pieces for the
 * library; and as the numbers by which the front keeps a conversation.
 */
#ifndef WORKER_RKLLM_SAID_H
#define WORKER_RKLLM_SAID_H

#include "worker/rkllm/ask.h"

/* Fills in pieces, prompt and whether the job goes on. A turn that is resumed
 * has all of its conversation in its tokens. Errors as ask_make(). */
int said_put(struct ask *a, const struct gen_submit *g,
    const struct ask_kept *kept, struct fail *why) MUST_CHECK;

#endif
