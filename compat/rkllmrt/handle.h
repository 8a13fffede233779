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

#include "lora.h"
#include "phase.h"
#include "run.h"
#include "submit.h"

#include "base/list.h"
#include "rkllm/style.h"
#include "worker/engine.h"

#include <pthread.h>
#include <semaphore.h>

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
	pid_t pid; /* of the process that has the thread: no child of it */

	/* Never changed. */
	struct rkllm13_param param;
	struct rkllm13_callback callback;
	struct marks marks;
	uint32_t n_ctx;
	uint32_t n_embd; /* numbers of an embedding; 0: it takes none */

	pthread_mutex_t lock;
	/* From here on, under it. */
	pthread_cond_t wake;	/* the thread has something to do */
	pthread_cond_t settled; /* phase is another, or is_over */
	enum phase phase;
	bool is_aborted; /* what runs shall end */
	bool is_over;	 /* destroy has come: nothing new is taken */
	bool is_silent;	 /* the process exits: no callbacks any more */
	bool is_turn;	 /* the run is one of the conversation */
	struct job *jobs;
	struct waiter *waiter; /* or NULL: nobody waits */
	struct buf record;     /* of a run that the thread has not begun */
	char *save;	       /* with it: where its prompt goes; or NULL */
	void *userdata;	       /* of the run, or NULL */
	uint64_t last_gen;

	/* What runs are made from; see phase_lock(). */
	struct style style;
	struct talk talk; /* the thread adds what was said */
	struct loras loras;
	uint32_t prompt_cache; /* its id in the engine; 0: none */

	/* The thread's own; others interrupt the engine, under the lock. */
	struct engine *engine;	/* NULL: gone */
	uint32_t last_attached; /* id of what was attached last */
	struct run run;
};

/* What it is made with; marks may be NULL each. */
struct handle_setup {
	const struct rkllm13_param *param;
	const struct rkllm13_callback *callback;
	const char *image_start;
	const char *image_end;
	const char *image_content;
};

/* Makes one and loads its model. 0, or an ERR_* with *why. */
int handle_new(void **ret, const struct handle_setup *s, struct fail *why)
    MUST_CHECK;

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
