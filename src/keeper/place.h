/*
 * place - one model's place in memory: whether it has one, or waits for it.
 *
 *        want             room            let go           dead
 *   OUT ------> LINE ---------------> IN --------> GOING -------> OUT
 *    ^           |  ^                 |             |  ^
 *    | unwant,   |  | dead       dead |        want |  | unwant
 *    | no room   |  +---- AGAIN <-----+-------------+  |
 *    +-----------+          +--------------------------+
 *
 * (IN, dead: to OUT.) room.h moves it.
 */
#ifndef KEEPER_PLACE_H
#define KEEPER_PLACE_H

#include "base/list.h"

#include <stdint.h>

enum place_state {
	PLACE_OUT = 1, /* nobody wants it */
	PLACE_LINE,    /* wanted, and there is no room yet */
	PLACE_IN,      /* it has a worker, or one comes */
	PLACE_GOING,   /* its worker was told to leave */
	PLACE_AGAIN,   /* the same, and it is wanted again */
	PLACE_NSTATES
};

enum place_event {
	PLACE_EV_WANT,	  /* somebody wants it */
	PLACE_EV_UNWANT,  /* the last of those does not any more */
	PLACE_EV_ROOM,	  /* it is its turn, and it fits */
	PLACE_EV_NO_ROOM, /* there will be none for it */
	PLACE_EV_LET_GO,  /* the front has nothing for it left */
	PLACE_EV_DEAD,	  /* it has no worker, and none comes */
	PLACE_NEVENTS
};

enum place_action {
	PLACE_DO_NOTHING,
	PLACE_DO_START,	 /* its worker */
	PLACE_DO_STOP,	 /* its worker; DEAD will follow */
	PLACE_DO_REST,	 /* it is as if it never was loaded */
	PLACE_DO_REFUSE, /* who wants it */
};

/* When room is short. */
enum place_hold {
	HOLD_STAYS,  /* pinned, or of the command line */
	HOLD_CLIENT, /* goes with the last client that has it */
	HOLD_FREE,   /* goes when it is idle */
	HOLD_KINDS
};

struct place {
	struct list link; /* in the line */
	enum place_state state;
	enum place_hold hold;
	uint64_t need;	   /* bytes, all in all */
	uint64_t since_ms; /* in the line: when it came there */
};

/* A model that is OUT. */
void place_init(struct place *p, enum place_hold hold);

/* For logs. Never NULL, never freed. */
const char *place_state_name(enum place_state s);

#endif
