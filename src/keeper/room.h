/*
 * room - which models have a place in memory, which wait for one, and whom the
 * front is asked to let go.
 *
 * It takes an event and answers with the one thing to
 * do next: nothing here starts, stops, tells or reads a clock. So every order
 * of load, unload, request, cancel and death is testable without a process
 * (tests/unit/keeper/test_room.c).
 *
 * Who waits stands in one line, in order of arrival,
 * however large what is wanted: what is large is not overtaken for ever. Room
 * is taken from ROOM until DEAD, so there is never more in memory than there
 * is room for.
 *
 * The front alone knows what is idle, and lets go of that which was used least
 * recently. How many more it is to let go is told as a total since it began,
 * not as a wish for one more: so nothing has to be answered or taken back, and
 * a message that crosses another asks for nothing twice.
 */
#ifndef KEEPER_ROOM_H
#define KEEPER_ROOM_H

#include "keeper/place.h"

struct room_sum {
	uint32_t n;
	uint64_t bytes;
};

struct room {
	struct list line;
	struct room_sum in[HOLD_KINDS];
	struct room_sum going; /* AGAIN too */
	uint32_t n_line;
	uint32_t max;	   /* models; 0: any number */
	uint64_t limit;	   /* bytes; UINT64_MAX: any */
	uint32_t n_let_go; /* by this front, for whatever reason */
};

enum room_verdict {
	ROOM_NOW,   /* it fits */
	ROOM_LATER, /* it will when others have gone that may */
	ROOM_BUSY,  /* it would if clients went that stay as they like */
	ROOM_NEVER, /* not beside what stays; or not at all */
};

void room_init(struct room *r, uint32_t max, uint64_t limit);

/* The only way a place changes its state. An event that means nothing there
 * changes nothing. */
enum place_action room_step(
    struct room *r, struct place *p, enum place_event ev, uint64_t now_ms);

/* The model is forgotten, whatever its state. */
void room_forget(struct room *r, struct place *p);

/* It is held, or needs, as may be otherwise than so far. */
void room_hold(struct room *r, struct place *p, enum place_hold hold);
void room_need(struct room *r, struct place *p, uint64_t bytes);

/* What would become of p if it waited for room from now on, with nobody before
 * it. */
enum room_verdict room_verdict(const struct room *r, const struct place *p);

/* The first in line, if there is room for it; else NULL. */
struct place *room_first(const struct room *r);

/* How many the front is to have let go since it began. */
uint32_t room_total(const struct room *r);

/* Since when the first in line waits; UINT64_MAX: nobody does. */
uint64_t room_since(const struct room *r);

/* Everything that has a place, GOING too. */
struct room_sum room_taken(const struct room *r);

/* The front has let one go, whatever became of that: it counts them too. */
void room_heard(struct room *r);

/* Another front begins: it has let nothing go yet. */
void room_new_front(struct room *r);

#endif
