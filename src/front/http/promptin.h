/*
 * promptin - one prompt in the forms that llama-server takes: a text, token
 * ids, both by turns, or {"prompt_string": ...} around one of these.
 */
#ifndef HTTP_PROMPTIN_H
#define HTTP_PROMPTIN_H

#include "json/read.h"
#include "wire/msg.h"

/* Room for one, to be used again and again. */
struct promptin {
	struct buf ids;
	struct buf parts;
};

void promptin_init(struct promptin *p);
void promptin_done(struct promptin *p);

/* Whether v is an array of prompts; otherwise it is one. */
bool promptin_are_many(const struct json_value *v);

/* Sets the prompt of *g, which points into p and v until the next call. 0;
 * ERR_INVALID, ERR_UNSUPPORTED or ERR_NOMEM with *why. */
int promptin_read(struct promptin *p, const struct json_value *v,
    const char *field, struct gen_submit *g, struct fail *why) MUST_CHECK;

#endif
