/*
 * knobs - the sampling parameters of a generation, checked.
 *
 * The front has checked them against its own tables; the worker does not
 * trust it, because a NaN in the wrong place costs the process.
 */
#ifndef WORKER_KNOBS_H
#define WORKER_KNOBS_H

#include "wire/msg.h"

/* 0, or ERR_INVALID with the field, its limit and what was sent in why. */
int knobs_check(const struct gen_submit *g, uint32_t n_vocab, struct fail *why)
    MUST_CHECK;

/* Whether n token ids are below n_vocab; ERR_INVALID names the first that is
 * not. field is what the request calls them. */
int knobs_check_tokens(struct i32s tokens, uint32_t n_vocab, const char *field,
    struct fail *why) MUST_CHECK;

#endif
