/*
 * setup - what the library keeps from one run to the next, and so has to be
 * what a run wants: a template, tools, what stands around an image, an encoder's
 * keys.
 *
 * It can be told another, but not to go back to what it was when it was loaded:
 * for that the model is loaded anew.
 */
#ifndef WORKER_RKLLM_SETUP_H
#define WORKER_RKLLM_SETUP_H

#include "worker/rkllm/lib.h"

enum setup_kind {
	SETUP_MODEL, /* its own template */
	SETUP_OWN,   /* nothing but a system prompt */
	SETUP_TOOLS, /* its own, with tools */
};

enum setup_text {
	SETUP_SYSTEM,
	SETUP_FUNCTIONS, /* JSON */
	SETUP_RESPONSE,	 /* what marks a tool's answer */
	SETUP_START,	 /* before an image; these three before 1.3.0 */
	SETUP_END,
	SETUP_CONTENT,
	SETUP_TEXTS
};

/* Of texts, those count that its kind has. */
struct setup {
	enum setup_kind kind;
	bool has_marks; /* it is told of what stands around an image */
	bool has_cross; /* it was loaded to look at an encoder's output */
	char *text[SETUP_TEXTS]; /* to free(3); NULL: none */
};

void setup_done(struct setup *s);

/* false: no memory. */
bool setup_copy(struct setup *to, const struct setup *from) MUST_CHECK;

/* Whether the library, which is set up as now, must load its model anew.
 * reads_text: whether the template matters to a run. */
bool setup_must_reload(
    const struct setup *now, const struct setup *want, bool reads_text);

/* Tells it what is to be told, but for an encoder's keys, and *now with it. */
int setup_tell(struct lib *l, struct setup *now, const struct setup *want,
    struct fail *why) MUST_CHECK;

/* What a new init gives it. */
void setup_param(const struct setup *s, struct lib_param *ret);

#endif
