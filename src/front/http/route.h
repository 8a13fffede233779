/*
 * route - which handler answers which request.
 */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "front/http/error.h"
#include "front/http/parse.h"

struct http;

/* Answers the request, or leaves somebody to do it (http_attach()). */
void route_run(struct http *h, const struct request *r);

/* What errors of that path look like. */
enum error_form route_errors(struct str path);

/* The handlers. rest: the path behind the route's, escaped as it came. */
void small_root(struct http *h, const struct request *r, struct str rest);
void small_health(struct http *h, const struct request *r, struct str rest);
void small_models(struct http *h, const struct request *r, struct str rest);
void small_model(struct http *h, const struct request *r, struct str rest);
void small_later(struct http *h, const struct request *r, struct str rest);
void small_metrics(struct http *h, const struct request *r, struct str rest);

#endif
