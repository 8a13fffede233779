/*
 * mode - what a GEN_SUBMIT brings and what is wanted of it.
 */
#ifndef WIRE_MODE_H
#define WIRE_MODE_H

#include <stdbool.h>
#include <stdint.h>

enum gen_input {
	INPUT_PROMPT = 1, /* text, tokenized as it is, specials parsed */
	INPUT_CHAT,	  /* messages, through the chat template */
	INPUT_TOKENS,	  /* token ids */
	INPUT_EMBEDS,	  /* rows of embeddings */
	/* The rest come in `parts`. */
	INPUT_MIXED,  /* texts and token ids by turns: each part begins with
		       * one of the marks below */
	INPUT_INFILL, /* prefix, suffix, what the middle begins with; then a
		       * name and a text of each file beside it */
	INPUT_PAIR,   /* a query and a document, for MODE_RANK */
	INPUT_END
};

#define PART_TEXT 't' /* UTF-8 follows */
#define PART_IDS 'i'  /* int32_t each follow */

/* What is wanted of it. */
enum gen_mode {
	MODE_GENERATE,
	/* Nothing is generated: rows of floats come. */
	MODE_HIDDEN, /* of each token: the last layer's output, after its norm */
	MODE_LOGITS, /* of each token */
	MODE_EMBED,  /* one for all, or of each token: see enum pooling */
	MODE_RANK,   /* one for all: what the model's ranking head says */
	/* Nothing is computed, so it takes no slot. */
	MODE_TOKENS, /* GEN_STARTED brings all, and GEN_DONE their pieces */
	MODE_TEXT,   /* GEN_DONE's text: the template's, or that of tokens */
	MODE_COUNT
};

static inline bool
mode_has_rows(unsigned mode)
{
	return mode >= MODE_HIDDEN && mode <= MODE_RANK;
}

static inline bool
mode_takes_slot(unsigned mode)
{
	return mode != MODE_TOKENS && mode != MODE_TEXT;
}

/* How rows of a prompt become one. */
enum pooling {
	POOL_MODEL, /* as the model, or its settings, say */
	POOL_NONE,  /* they do not */
	POOL_MEAN,
	POOL_CLS, /* the first */
	POOL_LAST,
	POOL_RANK, /* by the model's ranking head: MODE_RANK, and no other */
	POOL_ONE,  /* as POOL_MODEL, but it must be one row: POOL_MEAN where
		    * the file says nothing, no POOL_NONE */
	POOL_COUNT
};

/* gen_submit.normalize; above 2: by that norm. Rows that are not pooled are
 * left as they are. */
enum { NORMALIZE_NOT = -1, NORMALIZE_MAX, NORMALIZE_SUM, NORMALIZE_LENGTH };

/* Bytes of rows in a frame, unless one row has more. */
#define ROWS_FRAME (256u << 10)
/* Bytes of one row. */
#define ROW_MAX (8u << 20)

/* Of MODE_TOKENS and MODE_TEXT, which know no context. */
#define ASIDE_TOKENS_MAX (1u << 20)
#define ASIDE_TEXT_MAX (4u << 20) /* bytes */

#endif
