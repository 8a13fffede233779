/*
 * emit - a generation's bytes into text that may be shown.
 *
 * Whole characters only: the start of one waits for its end, bytes that can
 * be no character become U+FFFD. Nothing that may turn out to be the start of
 * a stop string is shown. What is shown depends on the bytes alone, not on
 * how tokens cut them, so a replay of the tokens rebuilds the state.
 *
 * The first stop string to become complete ends the text; of several that
 * become complete with the same character, the longest.
 */
#ifndef WORKER_EMIT_H
#define WORKER_EMIT_H

#include "worker/words.h"

#include <stdbool.h>

#define EMIT_NO_STOP (-1)

struct emit {
	struct words stops;
	struct buf text; /* whole characters not shown yet */
	size_t shown;	 /* of text: given out by the last call */
	char carry[4];	 /* the start of a character */
	uint8_t n_carry;
	int stop; /* which matched, or EMIT_NO_STOP */
};

/* Copies the stops; empty ones never match. 0, ERR_NOMEM or ERR_TOO_BIG. */
int emit_init(struct emit *e, struct strs stops) MUST_CHECK;
void emit_done(struct emit *e);

/* Adds a token's bytes. *ret is what may be shown now; it stays until the
 * next call. Returns 0 or ERR_NOMEM. After a stop has matched, nothing more
 * is taken or shown. */
int emit_token(struct emit *e, struct str bytes, struct str *ret) MUST_CHECK;

/* At the end: what was held back. *ret as above. */
int emit_flush(struct emit *e, struct str *ret) MUST_CHECK;

/* Whether the start of a character waits for its end. */
bool emit_is_held(const struct emit *e);

/* Whether all bytes that were given have been shown, or never will be. */
bool emit_is_clear(const struct emit *e);

/* The stop that matched, or the empty string. */
struct str emit_stop(const struct emit *e);

#endif
