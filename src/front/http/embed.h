/*
 * embed - texts as vectors, in OpenAI's form and in llama-server's own.
 */
#ifndef HTTP_EMBED_H
#define HTTP_EMBED_H

#include "front/http/parse.h"

struct http;

void embed_openai(struct http *h, const struct request *r, struct str rest);
void embed_llama(struct http *h, const struct request *r, struct str rest);

#endif
