/*
 * kept - the values of those headers that are looked at later (parse.h lists
 * them), gathered piece by piece within limits.
 */
#ifndef HTTP_KEPT_H
#define HTTP_KEPT_H

#include "front/http/parse.h"

struct kept_span {
	uint32_t off;	/* in bytes */
	uint32_t len;	/* of all that came */
	uint32_t times; /* that it came */
};

struct kept {
	struct buf bytes; /* values, one behind the other */
	struct kept_span spans[HEADER_COUNT];
	struct kept_span *now; /* of the header that is read; NULL: another */
	struct str values[HEADER_COUNT]; /* once shown */
};

void kept_init(struct kept *k);
void kept_done(struct kept *k);

/* A header of that name begins. */
void kept_begin(struct kept *k, const char *name, size_t n);

/* It is of no interest, whatever its name. */
void kept_pass(struct kept *k);

/* Bytes of its value. */
void kept_add(struct kept *k, const char *at, size_t n);

/* All have come: fills the values. 0 or ERR_NOMEM. */
int kept_show(struct kept *k) MUST_CHECK;

#endif
