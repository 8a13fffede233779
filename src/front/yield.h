/*
 * yield - a slot that a slow reader's stream keeps while it is parked goes to
 * who waits for one.
 *
 * The worker is told to cancel it, and it waits as after a death: once its
 * reader has caught up and it has a slot again, it is computed anew up to where
 * it was, and goes on with the same bytes. One at a time, and none that has
 * just been parked: a reader may be about to go on.
 */
#ifndef FRONT_YIELD_H
#define FRONT_YIELD_H

#include <stdbool.h>

struct gen;
struct gen_done;
struct model;

/* All slots of m are taken: asks one for its, if anybody waits. */
void yield_ask(struct model *m);

/* Its worker's last word: true if g has no slot now, and goes on later. */
bool yield_done(struct gen *g, const struct gen_done *d);

#endif
