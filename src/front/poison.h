/*
 * poison - requests that were convicted of killing workers, by a hash of what
 * they ask for. Clients repeat what failed, by themselves and at once: the
 * same request again is refused without costing four workers more.
 */
#ifndef FRONT_POISON_H
#define FRONT_POISON_H

#include "wire/msg.h"

#define POISON_MAX 128u		    /* remembered; the oldest goes */
#define POISON_MS (10u * 60 * 1000) /* and for how long */

struct poison_row {
	uint64_t hash;
	uint64_t until_ms; /* clock_ms(); 0: free */
	char crash[32];
};

struct poison {
	uint64_t basis; /* secret: nobody can make up a hash of another's */
	uint32_t n;	/* ever noted */
	struct poison_row rows[POISON_MAX];
};

void poison_init(struct poison *p);

/* What a request asks of a model, its seed and id left out. 0: no memory. */
uint64_t poison_hash(
    const struct poison *p, uint32_t model, const struct gen_submit *s);

/* crash: the id of its last crash, or empty. */
void poison_note(
    struct poison *p, uint64_t hash, struct str crash, uint64_t now_ms);

/* NULL: nothing is known against s. */
const struct poison_row *poison_find(const struct poison *p, uint32_t model,
    const struct gen_submit *s, uint64_t now_ms);

#endif
