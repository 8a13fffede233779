/*
 * words - a few strings that are looked for in a text that grows: at its end,
 * whether one of them is complete or may be about to be.
 */
#ifndef WORKER_WORDS_H
#define WORKER_WORDS_H

#include "wire/layout.h"

struct words {
	struct buf packed; /* as a struct strs */
	size_t longest;	   /* bytes of the longest word */
};

/* Copies them; empty ones are never found. 0, ERR_NOMEM or ERR_TOO_BIG. */
int words_init(struct words *w, struct strs from) MUST_CHECK;
void words_done(struct words *w);

/* Bytes of the longest word that ends the text, whose index is *ret_index;
 * 0: none does. */
size_t words_end(const struct words *w, struct str text, int *ret_index);

/* Bytes at the end of the text that may be the start of a word; as many as
 * possible. */
size_t words_begun(const struct words *w, struct str text);

/* The i-th word; the empty string if there is none. */
struct str words_at(const struct words *w, int i);

#endif
