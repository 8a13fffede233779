/*
 * inside - what llama-server tells of a model and of its slots.
 */
#ifndef HTTP_INSIDE_H
#define HTTP_INSIDE_H

#include "front/http/parse.h"

struct http;

void inside_props(struct http *h, const struct request *r, struct str rest);
void inside_adapters(struct http *h, const struct request *r, struct str rest);
void inside_slots(struct http *h, const struct request *r, struct str rest);
void inside_slot_action(
    struct http *h, const struct request *r, struct str rest);

#endif
