/*
 * params - the defaults of a generation's parameters, and the table that checks
 * those which requests share.
 */
#ifndef FRONT_PARAMS_H
#define FRONT_PARAMS_H

#include "wire/msg.h"

/* llama-server's defaults (v0.5.0). seed is UINT64_MAX: to be drawn. */
void params_default(struct gen_submit *p);

/* "exact" or "fast", of the parameter of that name, into *ret; the empty word
 * is the server's --resume, 0. 0 or ERR_INVALID. */
int params_resume(
    const char *name, struct str word, uint8_t *ret, struct fail *f) MUST_CHECK;

#endif
