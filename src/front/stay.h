/*
 * stay - whether a model is here to be used, as far as the front knows, as a
 * table: the counterpart of the keeper's room.h, which alone decides.
 *
 *   OUT --work--> WANTED --up--> IN --hold--> HELD
 *    ^              |            |             |
 *    |    no work,  |            | let go      | let go
 *    +---- failed --+            v             v
 *    +------------------ rest -- GOING <-------+
 *                                  | work
 *                        WANTED <- rest - AGAIN
 *
 * From the moment that it is let go nothing is sent to its worker, and what
 * comes is for a new want: so no request can be on its way to a worker that is
 * told to leave. What the keeper had said before it knew (an UP in GOING or in
 * AGAIN) is void: its next KNOWN ends that.
 *
 * Every want has a number, and exactly one answer with it, unless it is taken
 * back. tests/unit/keeper/test_router.c tries every order of events.
 */
#ifndef FRONT_STAY_H
#define FRONT_STAY_H

#include <stdbool.h>
#include <stdint.h>

enum stay_state {
	STAY_OUT = 1, /* not loaded, or it has FAILED */
	STAY_WANTED,  /* the keeper was asked, and owes an answer */
	STAY_IN,      /* it has a worker, or another comes */
	STAY_HELD,    /* the same; what is new is held back */
	STAY_GOING,   /* let go; the keeper has not confirmed it */
	STAY_AGAIN,   /* the same, and it was asked for again */
	STAY_NSTATES
};

enum stay_event {
	STAY_EV_WORK,	 /* somebody waits for it */
	STAY_EV_NO_WORK, /* nobody does any more */
	STAY_EV_UP,	 /* the keeper: here is its worker's channel */
	STAY_EV_FAILED,	 /* the keeper: it cannot be had; see stay_heeds() */
	STAY_EV_REST,	 /* the keeper: it is not loaded */
	STAY_EV_HOLD,	 /* let nobody new in */
	STAY_EV_UNHOLD,
	STAY_EV_LET_GO, /* nothing of it is with its worker */
	STAY_NEVENTS
};

enum stay_action {
	STAY_DO_NOTHING,
	STAY_DO_WANT,	/* say MODEL_WANT, under a new number */
	STAY_DO_UNWANT, /* say MODEL_UNWANT */
	STAY_DO_LET_GO, /* say MODEL_LET_GO; its channel is closed. Before it,
			 * MODEL_UNWANT, if an answer is_owed */
	STAY_DO_SERVE,	/* send what waits */
	STAY_DO_FAIL,	/* answer all that waits and runs */
	STAY_DO_IGNORE, /* close the channel that came along */
};

struct stay {
	enum stay_state state;
	uint32_t ref; /* of the last MODEL_WANT */
	bool is_owed; /* the keeper has not answered it: it may be up for
		       * one before, which was taken back */
};

/* A MODEL_WANT was sent under ref; and: the keeper says something under it. */
void stay_ask(struct stay *s, uint32_t ref);
void stay_hear(struct stay *s, uint32_t ref);

/* The only way it changes. An event that means nothing changes nothing. */
enum stay_action stay_step(struct stay *s, enum stay_event ev);

/* Whether a FAILED with that ref is about those who wait now: to who has asked
 * since, the keeper says it again. */
bool stay_heeds(const struct stay *s, uint32_t ref);

/* Whether its worker may be given work. */
bool stay_is_in(const struct stay *s);

/* Whether the keeper owes an answer. */
bool stay_is_wanted(const struct stay *s);

#endif
