/*
 * loading - has a model loaded for no request: because a client says so.
 */
#ifndef FRONT_LOADING_H
#define FRONT_LOADING_H

#include "base/err.h"

#include <stdbool.h>

struct model;

/* Whether it is loaded, or about to be. */
bool loading_is_on(const struct model *m);

/* Asks for it, and waits for no answer. 0; ERR_INVALID: it is loaded, or being
 * loaded; ERR_STOPPING, ERR_NOMEM; or why it FAILED, while it is not tried
 * again. */
int loading_begin(struct model *m, struct fail *why) MUST_CHECK;

#endif
