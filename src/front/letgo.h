/*
 * letgo - which models are let go, and when: that used least recently when the
 * keeper wants room for another, any that was idle for long, and what a client
 * has unloaded.
 *
 * A model is busy while a request for it waits or runs, and while a client of
 * the JSON-RPC socket has it: a busy one is never let go, but for a client that
 * says so. It can be held: what is new waits then, so that it gets idle in the
 * end however many ask for it; those who waited have it loaded again, behind
 * those who waited before them.
 */
#ifndef FRONT_LETGO_H
#define FRONT_LETGO_H

#include "base/err.h"
#include "base/loop.h"

struct frame;
struct front;
struct model;

/* A ROOM_WANTED. 0 or ERR_PROTO. */
int letgo_on_frame(struct front *f, struct frame *fr) MUST_CHECK;

/* A timer for m->idle; NULL if out of memory. */
struct timer *letgo_timer(struct model *m, struct loop *l);

/* m has a worker. */
void letgo_on_up(struct model *m);

/* Something of m has ended, or may have: letgo_turn() looks. */
void letgo_note(struct model *m);

/* At the end of each turn of the loop. */
void letgo_turn(struct front *f);

/* A client has m unloaded: what runs may end within --unload-timeout, what
 * comes waits for the next load; who waits for it to load hears an error. 0;
 * ERR_INVALID: it is not loaded, or is none that can be. */
int letgo_unload(struct model *m, struct fail *why) MUST_CHECK;

#endif
