/*
 * run - what a handle computes, from the call that starts it to its last
 * callback.
 */
#ifndef RKLLMRT_RUN_H
#define RKLLMRT_RUN_H

#include "base/buf.h"
#include "rkllm/abi13.h"
#include "worker/engine.h"

struct handle;

/* The thread's part: what the engine has said and the program not heard. */
struct run {
	uint64_t gen;	/* 0: the engine has none */
	bool is_parked; /* in the engine, for a pause */
	bool has_last;	/* its last word has come */
	int err;	/* of it */
	struct fail why;
	struct rkllm_perf perf;
	int32_t token;	   /* the last one */
	struct buf record; /* what it was started with */
	struct buf steps;  /* wire/step.h, not delivered yet */
	struct buf rest;   /* text of the last word */
	struct buf text;   /* of one callback, terminated */
};

void run_init(struct run *r);
void run_done(struct run *r);

/* What an engine shall call. */
struct engine_events run_events(struct handle *h);

/* Starts, or goes on with, a run; waits for it if is_waiting. 0 or an ERR_*,
 * also the run's, with *why. */
int run_call(struct handle *h, const struct rkllm13_input *input,
    const struct rkllm13_infer_param *infer, void *userdata, bool is_waiting,
    struct fail *why) MUST_CHECK;

/* 0; ERR_NOT_FOUND: nothing runs. */
int run_abort(struct handle *h, struct fail *why) MUST_CHECK;

/* Whether a callback may still come of what runs. */
bool run_is_running(struct handle *h);

/* On the thread, one unit of what runs, then the callbacks of what came. */
void run_turn(struct handle *h);

/* On the thread: destroy has come. */
void run_end(struct handle *h);

#endif
