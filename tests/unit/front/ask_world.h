/*
 * ask_world - bodies of requests read as each dialect reads them. For the tests
 * of one file; what it uses is included before.
 */
#ifndef ASK_WORLD_H
#define ASK_WORLD_H

#include "front/http/ask.h"

/* The record that a body makes; the caller ask_done()s *q. */
static inline int
read_body(struct ask *q, const struct ask_form *form, const char *body,
    struct fail *why)
{
	static const struct ask_limits limits = { .gens_max = 8, .n_ctx = 100 };
	int err = ask_parse(q, form, str_of(body), why);

	return err != 0 ? err : ask_read(q, &limits, why);
}

/* Nothing is wrong with that body. */
static inline void
must_read(struct ask *q, const struct ask_form *form, const char *body)
{
	struct fail why;

	if (read_body(q, form, body, &why) != 0)
		fail_msg("%s: %s", body, why.text);
}

#endif
