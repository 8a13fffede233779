/*
 * count - how many tokens a request of a dialect would begin with, without
 * running it.
 */
#ifndef HTTP_COUNT_H
#define HTTP_COUNT_H

#include "front/http/parse.h"

struct http;

/* {"input_tokens":n}; OpenAI's have an "object" too. */
void count_anthropic(struct http *h, const struct request *r, struct str rest);
void count_responses(struct http *h, const struct request *r, struct str rest);
void count_chat(struct http *h, const struct request *r, struct str rest);

#endif
