/*
 * run - what a handle's thread computes, from the call that starts it to its
 * last callback.
 */
#ifndef RKLLMRT_RUN_H
#define RKLLMRT_RUN_H

#include "saved.h"

#include "base/buf.h"
#include "rkllm/abi13.h"
#include "rkllm/talk.h"
#include "worker/engine.h"

struct handle;

/* Hidden states or logits of a prompt. */
struct run_rows {
	float *data; /* or NULL */
	uint32_t n_cols;
	uint32_t n_rows;
	uint32_t n_got;
	bool is_told;
};

struct run {
	uint64_t gen;	 /* in the engine; 0: none */
	bool is_new;	 /* record is to be submitted */
	bool is_parked;	 /* in the engine, for a pause */
	bool is_muted;	 /* what the engine says is about what is gone */
	bool has_last;	 /* its last word has come */
	int err;	 /* of it */
	struct fail why; /* with err */
	struct rkllm_perf perf;
	struct rkllm_perf before; /* of a part that a cut has ended */
	int32_t token;		  /* the last one */
	struct buf record;	  /* what it was started with */
	struct gen_submit asked;  /* which says that */
	struct saving saving;

	/* What the context holds, as struct talk_turn has it. */
	struct buf prompt; /* int32_t each, as those below */
	struct buf turns;
	struct buf out;
	uint32_t n_system;

	/* What the program has not heard yet. */
	struct buf steps; /* wire/step.h */
	struct buf rest;  /* text of the last word */
	struct run_rows rows;

	struct buf text; /* of one callback, terminated */
};

void run_init(struct run *r);
void run_done(struct run *r);

/* What an engine shall call. */
struct engine_events run_events(struct handle *h);

/* One unit of what runs, then the callbacks of what came. */
void run_turn(struct handle *h);

/* Destroy has come. */
void run_end(struct handle *h);

/* What its context holds now, into t, which is empty. 0 or ERR_NOMEM. */
int run_context(const struct handle *h, struct talk *t) MUST_CHECK;

/* On the thread: the engine's generation ends unheard, that of record waits for
 * the next run call. Takes the record's memory. */
int run_replace(struct handle *h, struct buf *record) MUST_CHECK;

#endif
