/*
 * step - GEN_STEP's payload: the tokens of one decode step, packed by hand
 * because it is sent for every step of every stream.
 */
#ifndef WIRE_STEP_H
#define WIRE_STEP_H

#include "base/buf.h"

#define STEP_HELD 1u	 /* bytes are held back: an incomplete character */
#define STEP_MU 2u	 /* mu is set */
#define STEP_LOGPROBS 4u /* piece, logprob and tops are set */
#define STEP_HASH 8u	 /* hash is set */
#define STEP_PARTS 16u	 /* text is in parts: wire/part.h */

/* One token. text is what became visible by it: whole UTF-8 characters, maybe
 * none (held back as the start of a character or of a stop string), maybe
 * those of earlier tokens too. */
struct step {
	uint64_t gen;
	int32_t token;
	uint8_t flags;
	struct str text;
	float mu;	  /* mirostat's state after this token */
	uint64_t hash;	  /* of the logits that it was drawn from */
	float logprob;	  /* natural log, before the samplers */
	struct str piece; /* the token's own bytes, maybe not UTF-8 */
	uint8_t n_tops;	  /* alternatives, the likeliest first */
	struct str tops;  /* packed; step_top() */
};

struct step_top {
	int32_t token;
	float logprob;
	struct str piece;
};

void step_put(struct buf *b, const struct step *s);

/* Takes the next token from a payload; false at the end or, with c->err set,
 * where it is broken. */
bool step_next(struct cursor *c, struct step *ret);

/* Whether its text, in parts or not, has a line feed. */
bool step_has_newline(const struct step *s);

/* To fill and to walk step.tops. */
void step_top_put(struct buf *b, const struct step_top *t);
bool step_top_next(struct cursor *c, struct step_top *ret);

#endif
