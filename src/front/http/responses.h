/*
 * responses - the objects in OpenAI's responses: the response itself and its
 * items. Private to responses.c and responses_say.c, which streams them.
 */
#ifndef HTTP_RESPONSES_H
#define HTTP_RESPONSES_H

#include "front/http/answer.h"
#include "json/write.h"

/* What choice.open is of a response. */
enum response_item {
	RESPONSE_NOTHING,
	RESPONSE_REASONING,
	RESPONSE_MESSAGE,
	RESPONSE_CALL,
};

/* What all response objects of an answer have, into a->head. */
void response_init(
    struct answer *a, const struct ask *q, const struct answer_names *names);

/* The response object. items: what its output holds, JSON without brackets.
 * why: of one that failed, or NULL. */
void response_put(struct json_out *o, const struct answer *a,
    const char *status, struct str items, const struct fail *why);

/* "completed" or "incomplete". */
const char *response_status(const struct choice *c);

/* The item c->n_blocks, of that kind: of all that the choice has of it, or
 * (is_over false) as it begins. */
void response_put_item(struct json_out *o, const struct choice *c,
    enum response_item kind, bool is_over);
void response_put_item_id(
    struct json_out *o, const struct choice *c, enum response_item kind);

/* Its content so far. */
void response_put_part(
    struct json_out *o, const struct choice *c, enum response_item kind);

/* The last call that the choice has. */
struct call response_call(const struct choice *c);

const char *response_error_code(const struct fail *why);

/* An answer in one piece. */
void response_put_whole(struct answer *a, struct buf *out);

#endif
