/*
 * embedform - what an answer of embeddings looks like in each protocol: what
 * stands before and behind all vectors, and around each input's.
 */
#ifndef HTTP_EMBEDFORM_H
#define HTTP_EMBEDFORM_H

#include "base/buf.h"

enum embed_form {
	EMBED_OPENAI,
	EMBED_LLAMA,
	EMBED_OLLAMA,	  /* /api/embed */
	EMBED_OLLAMA_ONE, /* /api/embeddings: one prompt, one vector */
};

/* What it cost. */
struct embed_cost {
	uint64_t n_tokens;
	uint64_t us; /* from the request to now */
};

/* Whether an input has one vector; else it has an array of them. */
bool embedform_has_one(enum embed_form f);

void embedform_head(enum embed_form f, struct buf *out, struct str model);
void embedform_item_head(enum embed_form f, struct buf *out, uint32_t i);
void embedform_item_tail(enum embed_form f, struct buf *out, bool is_base64);
void embedform_tail(
    enum embed_form f, struct buf *out, const struct embed_cost *cost);

#endif
