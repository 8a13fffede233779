/*
 * calls - the calls of tools in an answer, gathered from its parts whatever
 * the dialect: arguments come in many pieces and lie here in one.
 */
#ifndef HTTP_CALLS_H
#define HTTP_CALLS_H

#include "json/write.h"
#include "wire/part.h"

struct calls {
	struct buf packed;
	size_t last; /* where the last call begins */
};

struct call {
	struct str id;
	struct str name;
	struct str arguments; /* what the model said: JSON, if it is whole */
};

void calls_init(struct calls *c, size_t max);
void calls_done(struct calls *c);
void calls_reset(struct calls *c);
bool calls_any(const struct calls *c);

/* p: PART_CALL, or PART_ARGUMENTS of the last call. Check
 * buf_err(&c->packed). */
void calls_add(struct calls *c, const struct part *p);

/* Walks them; the strings are good until the next calls_add(). */
struct cursor calls_walk(const struct calls *c);
bool calls_next(struct cursor *at, struct call *ret);

/* {"id":...,"type":"function","function":{"name":...,"arguments":"..."}} */
void calls_put(struct json_out *o, const struct call *c);

#endif
