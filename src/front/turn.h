/*
 * turn - what a run, as it ends, adds to the conversation that it was for.
 */
#ifndef FRONT_TURN_H
#define FRONT_TURN_H

#include "rkllm/talk.h"

struct gen;

/* From the journal; what *ret points at stays until turn_done(). False: it has
 * no prompt yet, or there is no memory. n_system is left alone. */
bool turn_read(struct gen *g, struct talk_turn *ret);
void turn_done(struct gen *g);

#endif
