/*
 * vocab - what a model's vocabulary and template alone can answer, in
 * llama-server's form: nothing is computed, and no slot is waited for.
 */
#ifndef HTTP_VOCAB_H
#define HTTP_VOCAB_H

#include "front/http/parse.h"

struct http;

void vocab_tokenize(struct http *h, const struct request *r, struct str rest);
void vocab_detokenize(struct http *h, const struct request *r, struct str rest);
void vocab_template(struct http *h, const struct request *r, struct str rest);

#endif
