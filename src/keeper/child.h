/*
 * child - the life of one supervised process, as a table.
 *
 * A child takes an event and a time and answers with the one thing to do next.
 * It never forks, kills, sleeps or logs: super.c does, on its word. So every
 * path through a crash is testable without a process
 * (tests/unit/keeper/test_child.c), and docs/STATES.md is a picture of this.
 *
 *   DOWN --start--> STARTING --ready--> UP --stop--> STOPPING --exit--> DOWN
 *                      |                 |
 *                      | exit            | exit, crash
 *                      v                 v
 *   FAILED <-------- BACKOFF <-----------+     BACKOFF --timeout--> STARTING
 *     |  (too many deaths within the window)
 *     +--timeout--> STARTING  (one try; a death leads straight back)
 *
 *   STARTING, UP --hang--> HUNG --timeout--> DYING --timeout--> FENCED
 *   STOPPING --timeout--> LEAVING --timeout--> STRAY
 *
 * The two lower rows are the ways to a violent end. A process in the right
 * column has outlived SIGKILL, because it is inside a device driver: no other
 * is started in its place while it is there.
 */
#ifndef KEEPER_CHILD_H
#define KEEPER_CHILD_H

#include <stdint.h>

enum child_state {
	CHILD_DOWN = 1, /* no process, none wanted */
	CHILD_STARTING, /* spawned; owes us "ready" by the deadline */
	CHILD_UP,	/* ready; work may be sent to it */
	CHILD_HUNG,	/* SIGABRT was sent, for its stack; SIGKILL is next */
	CHILD_DYING,	/* SIGKILL was sent */
	CHILD_FENCED,	/* and it lives; its place is kept empty till it dies */
	CHILD_STOPPING, /* asked to leave; killed at the deadline */
	CHILD_LEAVING,	/* did not: SIGKILL was sent */
	CHILD_STRAY,	/* and it lives; nobody waits for it any more */
	CHILD_BACKOFF,	/* died; spawned again at the deadline */
	CHILD_FAILED,	/* died too often; tried again at the deadline */
	CHILD_NSTATES
};

enum child_event {
	CHILD_EV_START,	  /* someone wants the process */
	CHILD_EV_READY,	  /* it says it can take work */
	CHILD_EV_ALIVE,	  /* it got on with starting: a new deadline */
	CHILD_EV_HANG,	  /* it gets nothing done, or should be gone */
	CHILD_EV_KILL,	  /* it must not run any longer */
	CHILD_EV_STOP,	  /* nobody wants it any more */
	CHILD_EV_HURRY,	  /* the same, and do not wait for it long */
	CHILD_EV_EXIT,	  /* it is dead */
	CHILD_EV_LOST,	  /* it is dead, but had got real work done */
	CHILD_EV_FINAL,	  /* it is dead, and so would the next one be */
	CHILD_EV_NONE,	  /* it could not be spawned: none of its fault */
	CHILD_EV_TIMEOUT, /* child_deadline() has passed */
	CHILD_NEVENTS
};

enum child_action {
	CHILD_DO_NOTHING,
	CHILD_DO_SPAWN,
	CHILD_DO_TERM,	 /* ask it to leave; the exit will follow */
	CHILD_DO_HURRY,	 /* ask it to leave now */
	CHILD_DO_ABORT,	 /* SIGABRT, so that its stack is known */
	CHILD_DO_KILL,	 /* SIGKILL; the exit will follow */
	CHILD_DO_FENCE,	 /* SIGKILL was of no use: tell the operator */
	CHILD_DO_GIVE_UP /* fail its queue, tell the operator */
};

/* Milliseconds but for max_deaths. */
struct child_limits {
	uint32_t start_ms;	 /* from spawn, or the last ALIVE, to ready */
	uint32_t stop_ms;	 /* from TERM to SIGKILL */
	uint32_t hurry_ms;	 /* from HURRY to SIGKILL */
	uint32_t abort_ms;	 /* from SIGABRT to SIGKILL */
	uint32_t kill_ms;	 /* from SIGKILL to its being fenced */
	uint32_t backoff_ms;	 /* after the second death in a row; the first
				  * costs nothing; doubles with each */
	uint32_t backoff_max_ms; /* at most this */
	uint32_t steady_ms;	 /* up this long, past deaths are forgiven */
	uint32_t window_ms;    /* from the first death that counts; a later one
				  * begins a new count */
	uint32_t max_deaths;   /* within the window: FAILED */
	uint32_t max_unready;  /* the same, when none was ready since START */
	uint32_t retry_ms;     /* FAILED this long, then one more try; */
	uint32_t retry_max_ms; /* doubles up to this. 0: no try */
};

struct child;

/* NULL if out of memory. The limits are copied. Starts in CHILD_DOWN. */
struct child *child_new(const struct child_limits *limits);

/* NULL is allowed. Does not touch the process: stop and reap it first. */
void child_free(struct child *c);
/* The only way a child changes state. An event that means nothing in the
 * present state changes nothing, so a late or repeated one is harmless; so is
 * a start while stopping, which the caller repeats once the child is down. */
enum child_action child_step(struct child *c, enum child_event ev,
    uint64_t now_ms) __attribute__((warn_unused_result));

/* It was ready once, before it was last stopped: as if since START. */
void child_trust(struct child *c);
/* Its past deaths were somebody else's doing: they do not count. */
void child_pardon(struct child *c);

enum child_state child_state(const struct child *c);

/* When CHILD_EV_TIMEOUT is due, or UINT64_MAX. */
uint64_t child_deadline(const struct child *c);

/* The pause after so many failures in a row to start something; ms. */
uint32_t child_backoff(const struct child_limits *limits, uint32_t failures);

/* For logs and the status reply. Never NULL, never freed. */
const char *child_state_name(enum child_state s);

#endif
