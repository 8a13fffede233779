/*
 * say - what both engines say in the same words.
 */
#ifndef WORKER_SAY_H
#define WORKER_SAY_H

#include "worker/engine.h"

/* A generation's last word, of what why says. */
static inline void
engine_say_failed(
    const struct engine_events *ev, uint64_t gen, const struct fail *why)
{
	struct gen_failed f = { .gen = gen,
		.err = why->code,
		.field = str_of(why->field),
		.text = str_of(why->text) };

	ev->on_failed(ev->arg, &f);
}

#endif
