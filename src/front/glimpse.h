/*
 * glimpse - what runs in a model's slots, for who looks from outside.
 */
#ifndef FRONT_GLIMPSE_H
#define FRONT_GLIMPSE_H

#include "wire/msg.h"

struct model;

struct glimpse {
	uint64_t id;
	uint32_t n_prompt; /* tokens; 0: not known yet */
	uint32_t n_out;
	/* As it was submitted; NULL where it is too large to be looked at. Good
	 * during the call only. */
	const struct gen_submit *record;
};

typedef void (*glimpse_fn)(void *arg, const struct glimpse *g);

/* Each that m's worker has in a slot, in the order in which they came. Nothing
 * may be started or ended meanwhile. */
void glimpse_slots(struct model *m, glimpse_fn fn, void *arg);

#endif
