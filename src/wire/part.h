/*
 * part - tools in a chat: how a model may call them, and what it says, taken
 * apart into plain content, reasoning and calls. Where a generation's text comes in parts (STEP_PARTS, and
 * has_parts of GEN_DONE), it is these, one after the other.
 */
#ifndef WIRE_PART_H
#define WIRE_PART_H

#include "base/buf.h"

#define PART_CALLS_MAX 256u /* calls of one answer */

enum tool_choice {
	TOOLS_AUTO, /* the model may call some */
	TOOLS_REQUIRED,
	TOOLS_NONE, /* it sees them, and calls none */
	TOOLS_NCHOICES
};

enum parallel_calls {
	PARALLEL_USUAL, /* several at once where the template knows of that */
	PARALLEL_NO,
	PARALLEL_YES,
	PARALLEL_NMODES
};

enum part_kind {
	PART_CONTENT = 1, /* text: more of it */
	PART_REASONING,	  /* the same, of what it thinks before */
	PART_CALL,	  /* a call begins: its number, id and name */
	PART_ARGUMENTS,	  /* text: more of the arguments, JSON, of a call */
};

struct part {
	enum part_kind kind;
	uint32_t call; /* which; from 0, in the order they began */
	struct str text;
	struct str id;
	struct str name;
};

void part_put(struct buf *b, const struct part *p);

/* Takes the next one; false at the end or, with c->err set, where it is
 * broken. */
bool part_next(struct cursor *c, struct part *ret);

/* Whether it is whole: parts and nothing else, calls counted up from n_calls,
 * of which *ret_n_calls there are afterwards, arguments of the last one only. */
bool parts_check(struct str parts, uint32_t n_calls, uint32_t *ret_n_calls);

#endif
