/*
 * pieces - what the library is to read, in order, and the memory behind it:
 * texts, tokens, rows of embeddings, texts with images.
 */
#ifndef WORKER_RKLLM_PIECES_H
#define WORKER_RKLLM_PIECES_H

#include "worker/rkllm/lib.h"
#include "worker/rkllm/memo.h"

struct pieces {
	struct buf inputs; /* struct lib_input each */
	struct buf texts;  /* char * each, to free(3): what they point at */
	struct buf tokens; /* int32_t each: the same */
	struct buf rows;   /* float each: the same */
	uint32_t n_row;	   /* numbers of a row; 0: there are none */
};

void pieces_init(struct pieces *p);
void pieces_done(struct pieces *p);

/* ERR_NOMEM or ERR_TOO_BIG: something of it is missing. */
int pieces_err(const struct pieces *p) MUST_CHECK;

/* All rows that are spoken of, before any other piece. ERR_INVALID: they are no
 * whole rows. */
int pieces_put_rows(struct pieces *p, struct str rows, uint32_t n_row)
    MUST_CHECK;
uint32_t pieces_n_rows(const struct pieces *p);

void pieces_text(struct pieces *p, enum memo_kind kind, bool enable_thinking,
    struct str text);

/* Tokens behind tokens are one piece. */
void pieces_tokens(struct pieces *p, struct i32s v);

/* The rows [first, first + n), which are there. */
void pieces_rows(struct pieces *p, uint32_t first, uint32_t n);

/* A text with images, whose rows begin with that one and are there. */
void pieces_images(struct pieces *p, enum memo_kind kind, bool enable_thinking,
    struct str text, const struct memo_images *im, uint32_t first);

/* The last images among them, or NULL. */
const struct lib_images *pieces_last_images(const struct pieces *p);

/* Nothing comes any more: at least one, which live as long as p. */
const struct lib_input *pieces_all(struct pieces *p, uint32_t *ret_n);

#endif
