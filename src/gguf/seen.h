/*
 * seen - names that have come, to find one that comes twice. By hashes of 64
 * bits: who makes two names collide has a file of his own refused.
 */
#ifndef GGUF_SEEN_H
#define GGUF_SEEN_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct seen {
	uint64_t *v; /* 0: an empty place */
	size_t n;
	size_t room; /* a power of 2, or 0 */
};

/* Whether that is the first with the hash: 0, ERR_INVALID or ERR_NOMEM. */
int seen_add(struct seen *s, uint64_t hash) MUST_CHECK;

void seen_done(struct seen *s);

#endif
