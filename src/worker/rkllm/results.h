/*
 * results - what the library's threads hand over to ours: a bounded queue.
 *
 * The callback puts, and waits while the queue is full or held: then the
 * library computes nothing, because it waits for its callback. That is the
 * back-pressure, and how a run is parked. (A callback could also return
 * RKLLM_PAUSE: but then rkllm_run returns, and what the next one makes of its
 * input while it resumes is said nowhere. Waiting changes nothing for the
 * library.)
 *
 * Who takes is woken by a descriptor. What can be put never waits for what the
 * taker waits for, so there is no way to a deadlock: results_open() with false
 * lets everything through, and drops it.
 */
#ifndef WORKER_RKLLM_RESULTS_H
#define WORKER_RKLLM_RESULTS_H

#include "rkllm/call.h"

#include "base/buf.h"

#include <pthread.h>

#define RESULTS_MAX 64u
#define RESULTS_ROOM (RESULTS_MAX + 3) /* DROPPED, FINISH, OVER always fit */
#define RESULT_TEXT_MAX (64u << 10)    /* bytes of one token's text */

enum result_kind {
	RESULT_TOKEN,	/* text may be none: part of a character */
	RESULT_ROWS,	/* text is some rows of floats */
	RESULT_FED,	/* a part of the prompt was taken; perf */
	RESULT_FINISH,	/* perf */
	RESULT_ERROR,	/* the library says so */
	RESULT_DROPPED, /* one was put while it was not open */
	RESULT_OVER,	/* the library has returned; status, why */
};

struct result {
	enum result_kind kind;
	bool is_waiting; /* TOKEN: the character goes on */
	int32_t token;
	char *text;		 /* to free(3); or NULL */
	uint32_t n_cols, n_rows; /* ROWS: floats of one; of the prompt */
	uint32_t row, n;	 /* ROWS: the first, and how many there are */
	struct rkllm_perf perf;
	struct fail why; /* OVER: code 0, or what failed */
};

struct results {
	pthread_mutex_t lock;
	pthread_cond_t has_room;
	struct result v[RESULTS_ROOM];
	uint32_t first;
	uint32_t n;
	bool is_held; /* whoever puts waits */
	bool is_open; /* else what is put is dropped */
	bool is_told; /* a DROPPED is in it */
	uint32_t n_waiting;
	int wake; /* readable while there is something to take */
};

/* 0 or ERR_IO. It is open. */
int results_init(struct results *q) MUST_CHECK;
void results_done(struct results *q);

/* Takes over r->text. For the library's threads; waits, but not for OVER. */
void results_put(struct results *q, const struct result *r);

/* False when there is nothing. ret->text is the caller's. */
bool results_take(struct results *q, struct result *ret);

bool results_is_empty(struct results *q);

/* Whether somebody waits to put one: the library stands still. */
bool results_is_stuck(struct results *q);

void results_hold(struct results *q, bool is_held);

/* Closed, it forgets what is in it, and all that comes but FINISH and OVER. */
void results_open(struct results *q, bool is_open);

#endif
