/*
 * embed - texts as vectors, in OpenAI's form, llama-server's own and
 * Ollama's two.
 */
#ifndef HTTP_EMBED_H
#define HTTP_EMBED_H

#include "front/http/parse.h"

struct http;

void embed_openai(struct http *h, const struct request *r, struct str rest);
void embed_llama(struct http *h, const struct request *r, struct str rest);
void embed_ollama(struct http *h, const struct request *r, struct str rest);
void embed_ollama_one(struct http *h, const struct request *r, struct str rest);

#endif
