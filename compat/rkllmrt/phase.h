/*
 * phase - whose turn a handle is: its callers' or its thread's.
 */
#ifndef RKLLMRT_PHASE_H
#define RKLLMRT_PHASE_H

#include "base/err.h"
#include "rkllm/abi13.h"

#include <signal.h>

struct handle;

enum phase {
	PHASE_OF_REST,	/* nothing to do */
	PHASE_OF_CLAIM, /* a caller gets a run ready */
	PHASE_OF_RUN,	/* the thread computes it */
	PHASE_OF_PAUSE, /* until the next run or abort */
};

/* The only place where it changes. Under the handle's lock. */
void phase_set(struct handle *h, enum phase phase);

/* Locks the handle when no caller gets a run ready: what runs are made from may
 * be changed then. */
void phase_lock(struct handle *h, sigset_t *ret_was);

/* Starts, or goes on with, a run; waits for it if is_waiting. 0 or an ERR_*,
 * also the run's, with *why. */
int phase_run(struct handle *h, const struct rkllm13_input *input,
    const struct rkllm13_infer_param *infer, void *userdata, bool is_waiting,
    struct fail *why) MUST_CHECK;

/* 0; ERR_NOT_FOUND: nothing runs. */
int phase_abort(struct handle *h, struct fail *why) MUST_CHECK;

/* Whether a callback may come without another call. */
bool phase_is_running(struct handle *h);

#endif
