/*
 * rank - documents by how well they answer a query, as llama-server does it.
 */
#ifndef HTTP_RANK_H
#define HTTP_RANK_H

#include "front/http/parse.h"

struct http;

void rank_documents(struct http *h, const struct request *r, struct str rest);

#endif
