/*
 * param - what a handle was made with: its defaults, its limits, a copy.
 */
#ifndef RKLLMRT_PARAM_H
#define RKLLMRT_PARAM_H

#include "base/err.h"
#include "rkllm/abi13.h"

/* The defaults that the socket server documents (docs/RPC.md); model_path is
 * NULL. */
extern const struct rkllm13_param param_defaults;

/* Whether each number is within its range: 0, ERR_INVALID or
 * ERR_UNSUPPORTED, and *why. */
int param_check(const struct rkllm13_param *p, struct fail *why) MUST_CHECK;
int param_check_sampling(
    const struct rkllm13_sampling_param *s, struct fail *why) MUST_CHECK;

/* The part of p that a run may have its own of. */
struct rkllm13_sampling_param param_sampling(const struct rkllm13_param *p);

#endif
