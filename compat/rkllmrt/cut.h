/*
 * cut - of a run that is paused, a part of its context goes.
 */
#ifndef RKLLMRT_CUT_H
#define RKLLMRT_CUT_H

#include "base/err.h"

struct handle;

/* Forgets the tokens [from, end). 0, ERR_BUSY, ERR_INVALID, ERR_UNSUPPORTED,
 * ERR_NOMEM with *why. */
int cut_run(struct handle *h, uint32_t from, uint32_t end, struct fail *why)
    MUST_CHECK;

#endif
