/*
 * router - which models are loaded, by request: /models/load, /models/unload,
 * /models/sse and ?autoload=, as llama-server has them.
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "front/http/parse.h"

struct http;
struct model;

/* Whether a request with that query may use m: not if it would have to be loaded
 * for it, and nobody wants that. 0 or ERR_INVALID. */
int router_check(struct http *h, struct str query, const struct model *m,
    struct fail *why) MUST_CHECK;

void router_load(struct http *h, const struct request *r, struct str rest);
void router_unload(struct http *h, const struct request *r, struct str rest);
void router_events(struct http *h, const struct request *r, struct str rest);

#endif
