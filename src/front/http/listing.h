/*
 * listing - how a model is shown in lists.
 */
#ifndef FRONT_HTTP_LISTING_H
#define FRONT_HTTP_LISTING_H

#include "json/write.h"

struct http;
struct model;

/* One object: an element of "data" of /v1/models. */
void listing_put(struct json_out *o, const struct model *m);

/* All of them but the hidden ones, as the answer. */
void listing_reply(struct http *h);

#endif
