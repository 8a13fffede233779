/*
 * draw - the random numbers of sampling, as a pure function.
 *
 * A draw depends on the generation's seed, the position that is sampled and
 * what it is for, and on nothing that was drawn before. So a worker that
 * takes over in the middle draws what the dead one would have drawn.
 */
#ifndef WORKER_DRAW_H
#define WORKER_DRAW_H

#include <stdint.h>

/* Part of what a resume depends on: never renumber. */
enum draw_for {
	DRAW_TOKEN = 1, /* which of the candidates */
	DRAW_XTC = 2,	/* whether XTC acts on this token */
	DRAW_ID = 3,	/* a character of a call's id */
};

/* A double in [0, 1) with 53 random bits. pos counts tokens from the start
 * of the prompt. */
double draw_unit(uint64_t seed, uint64_t pos, enum draw_for what);

#endif
