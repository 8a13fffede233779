/*
 * tally - what became of one request, counted by those who serve it: its
 * generations (ticket.c) while they run, and read when it is answered
 * (http/access.h). Whoever counts holds a reference.
 */
#ifndef FRONT_TALLY_H
#define FRONT_TALLY_H

#include <stdint.h>
#include <stdlib.h>

struct tally {
	uint32_t refs;
	uint32_t n_gens;
	char model[100];   /* of the first of them; "": none yet */
	uint64_t n_prompt; /* tokens computed for it, of each choice */
	uint64_t n_out;
	uint64_t slot_ms;  /* clock_ms() of the first slot; 0: none yet */
	uint64_t token_ms; /* of the first token; 0: none yet */
};

/* NULL if out of memory. */
static inline struct tally *
tally_new(void)
{
	struct tally *t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->refs = 1;
	return t;
}

/* NULL is allowed. */
static inline struct tally *
tally_keep(struct tally *t)
{
	if (t != NULL)
		t->refs++;
	return t;
}

/* NULL is allowed. */
static inline void
tally_drop(struct tally *t)
{
	if (t != NULL && --t->refs == 0)
		free(t);
}

#endif
