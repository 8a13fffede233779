/*
 * handle - one loaded model: its thread, which alone computes and calls back,
 * and what other threads ask of it.
 *
 * A handle is found by the pointer that the program has; one that is gone, or
 * never was, is an error and no crash. Whoever has found it holds it, so
 * destroy may come at any time: it ends what runs, waits for the thread and
 * gives the engine back; the rest goes with the last who holds it.
 *
 * No lock is held while the program's callback runs. While one is, signals
 * wait: programs call destroy from a handler, on a thread that waits in run.
 */
#ifndef RKLLMRT_HANDLE_H
#define RKLLMRT_HANDLE_H

#include "run.h"

#include "base/err.h"
#include "base/list.h"
#include "rkllm/abi13.h"
#include "worker/engine.h"

#include <pthread.h>
#include <semaphore.h>

enum phase {
	PHASE_OF_REST,	/* nothing to do */
	PHASE_OF_CLAIM, /* a caller gets a run ready */
	PHASE_OF_RUN,	/* the thread computes it */
	PHASE_OF_PAUSE, /* until the next run or abort */
};

/* Work for the thread, and who waits for it. */
struct job {
	struct job *next;
	int (*fn)(struct handle *h, void *arg, struct fail *why);
	void *arg;
	int err;
	struct fail *why;
	sem_t is_done;
};

/* Who waits in rkllm_run. */
struct waiter {
	int err;
	struct fail *why;
	sem_t is_done;
};

struct handle {
	struct list link; /* in the list of all */
	unsigned refs;	  /* of that list, and of who is in a call */
	pthread_t thread;

	/* Never changed. */
	struct rkllm13_param param;
	struct rkllm13_callback callback;
	uint32_t n_ctx;

	pthread_mutex_t lock;
	/* From here on, under it. */
	pthread_cond_t wake;	/* the thread has something to do */
	pthread_cond_t settled; /* phase is another, or is_over */
	enum phase phase;
	bool is_aborted; /* what runs shall end */
	bool is_over;	 /* destroy has come: nothing new is taken */
	bool is_silent;	 /* the process exits: no callbacks any more */
	struct job *jobs;
	struct waiter *waiter; /* or NULL: nobody waits */
	struct buf record;     /* of a run that the thread has not begun */
	void *userdata;	       /* of the run, or NULL */
	uint64_t last_gen;

	/* The thread's own. */
	struct engine *engine;
	struct run run;
};

/* Makes one and loads its model. 0, or an ERR_* with *why. */
int handle_new(void **ret, const struct rkllm13_param *p,
    const struct rkllm13_callback *c, struct fail *why) MUST_CHECK;

/* Held until handle_put(); NULL and *why if there is none like that. */
struct handle *handle_get(void *handle, struct fail *why);
void handle_put(struct handle *h);

/* Ends it; the caller still holds it. 0, or ERR_BUSY from a callback. */
int handle_destroy(struct handle *h, struct fail *why) MUST_CHECK;

/* Runs fn on the thread and waits. The error of fn, or ERR_NOT_LOADED. */
int handle_call(struct handle *h,
    int (*fn)(struct handle *h, void *arg, struct fail *why), void *arg,
    struct fail *why) MUST_CHECK;

/* Whether the caller is its thread, in a callback. */
bool handle_is_own(const struct handle *h);

/* The lock, with the caller's signals held back. */
void handle_lock(struct handle *h, sigset_t *ret_was);
void handle_unlock(struct handle *h, const sigset_t *was);

#endif
