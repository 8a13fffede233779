/*
 * flow - the life of the one run that the library is in, from its begin to its
 * last word, and of the one that may wait behind it.
 */
#ifndef WORKER_RKLLM_FLOW_H
#define WORKER_RKLLM_FLOW_H

#include "worker/engine.h"
#include "worker/pace.h"
#include "worker/rkllm/lora.h"
#include "worker/rkllm/run.h"

#define FLOW_PATH 64u
#define FLOW_DESC 64u

struct engine {
	struct results results;
	struct runner runner;
	struct engine_events events;
	struct progress *p; /* or NULL */
	struct pace pace;
	enum progress_phase phase; /* of the run: prefill, then decode */
	uint64_t n_phase;	   /* its pieces */
	int model;		   /* a descriptor that stays open ... */
	char path[FLOW_PATH]; /* ... because the library opens it by this */
	uint64_t size;
	uint32_t n_ctx;
	char desc[FLOW_DESC];
	char identity[2 * FLOW_DESC];
	struct ask_kept kept; /* what it has of a conversation */
	struct loras loras;
	struct cache_files caches;
	double load_us;	  /* that init took */
	struct run *run;  /* that the library is in; or NULL */
	struct run *next; /* that waits until it is not; or NULL */
};

/* One a process: it is loaded before there is an engine, and stays. */
extern struct lib flow_lib;

static inline bool
flow_is_ending(const struct run *r)
{
	return r->reason != RUN_GOES_ON;
}

/* The library has nothing to compute. */
bool flow_stands_still(const struct engine *e);
void flow_say_started(
    struct engine *e, const struct run *r, const struct gen_submit *g);
void flow_say_last_word(struct engine *e, struct run *r);

/* What the page says of the run: again, after it was idle. */
void flow_begin_phase(struct engine *e, enum progress_phase phase, uint64_t n);

/* The library is in no run: it begins this one. */
void flow_begin(struct engine *e, struct run *r);

/* All of it was said before: what is left is the last word. Frees r. */
void flow_end_at_once(struct engine *e, struct run *r);

/* It is over for us; the library is asked to see it so. */
void flow_end(struct engine *e, int reason);

/* Lets go of adapters that no run wants any more. */
void flow_sweep(struct engine *e);

/* Takes what has come, if anything has. */
void flow_take(struct engine *e);

#endif
