/*
 * reload - the configuration is read anew when a client asks for it.
 */
#ifndef FRONT_HTTP_RELOAD_H
#define FRONT_HTTP_RELOAD_H

#include "front/http/parse.h"

#include <stdbool.h>

struct http;

/* Answers when that is done: with the list of models, or with counts. */
void reload_begin(struct http *h, bool wants_list);

/* POST /models/reload */
void reload_post(struct http *h, const struct request *r, struct str rest);

#endif
