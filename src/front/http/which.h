/*
 * which - the model that a request is for.
 */
#ifndef HTTP_WHICH_H
#define HTTP_WHICH_H

#include "front/http/parse.h"

struct http;
struct json_value;
struct model;

/* By the body's "model" (body may be NULL), else by the target's ?model=, else
 * the default one. NULL and *why: there is none. */
struct model *which_model(struct http *h, const struct request *r,
    const struct json_value *body, struct fail *why);

#endif
