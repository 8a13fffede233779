/*
 * askprompt - one prompt of a completion, in any form that it may have.
 */
#ifndef HTTP_ASKPROMPT_H
#define HTTP_ASKPROMPT_H

#include "wire/msg.h"

/* Text, or tokens if text.p is NULL; or parts, if input says so. */
struct ask_prompt {
	struct str text;
	struct i32s tokens; /* ours */
	struct strs parts;  /* ours */
	uint8_t input;	    /* enum gen_input; 0: see above */
};

/* Takes over a copy of what g has as its prompt. 0 or ERR_NOMEM. */
int ask_prompt_copy(struct ask_prompt *p, const struct gen_submit *g)
    MUST_CHECK;
void ask_prompt_done(struct ask_prompt *p);

/* Sets it in a record. */
void ask_prompt_put(const struct ask_prompt *p, struct gen_submit *g);

#endif
