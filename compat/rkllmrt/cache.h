/*
 * cache - what rkllm.h calls the KV cache: the conversation of a handle, or
 * the context of a run that is paused.
 */
#ifndef RKLLMRT_CACHE_H
#define RKLLMRT_CACHE_H

#include "base/err.h"

struct handle;

/* start, end: of what is forgotten, one range [start, end); both NULL: all, but
 * the system prompt if keep_system is 1, not 0. 0 or an ERR_* with *why. */
int cache_clear(struct handle *h, int keep_system, const int *start,
    const int *end, struct fail *why) MUST_CHECK;

/* Tokens. */
int cache_size(struct handle *h, int *ret, struct fail *why) MUST_CHECK;

#endif
