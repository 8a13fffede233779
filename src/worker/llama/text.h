/*
 * text - rendered text into tokens, and images where its marks are.
 */
#ifndef WORKER_LLAMA_TEXT_H
#define WORKER_LLAMA_TEXT_H

#include "worker/llama/model.h"

/* Where it goes: behind the first *n of room for n_room tokens. */
struct text_to {
	const struct model *m;
	int32_t *room;
	uint32_t n_room; /* n_ctx, or where nothing is computed more */
	uint32_t *n;
	bool is_plain; /* what looks like a control token is text */
};

/* One piece, which may come to no token. */
int text_append(const struct text_to *to, struct str text, bool add_special,
    const char *field, struct fail *why) MUST_CHECK;

/* field: for messages. 0 and *to->n > 0; ERR_INVALID, ERR_CONTEXT. */
int text_tokenize(const struct text_to *to, struct str text, bool add_special,
    const char *field, struct fail *why) MUST_CHECK;

/* The same for one with marks, each of which becomes an image: image_start, its
 * embeddings, image_end. The mark is "<image>" or, where there is none of that,
 * g's image_mark, which is replaced by embeddings alone. Errors also: another
 * number of marks than of images; rows that are too few or too many. */
int text_with_images(const struct text_to *to, const struct gen_submit *g,
    struct str text, bool add_special, const char *field, struct fail *why)
    MUST_CHECK;

#endif
