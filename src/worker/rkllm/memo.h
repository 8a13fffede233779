/*
 * memo - a conversation, as the front keeps it, where nobody knows the token ids
 * of its prompts.
 *
 * The front keeps a conversation as numbers: those of each prompt, which
 * GEN_STARTED tells, and the tokens of each answer. It never looks at them. The
 * library tokenizes texts and tells nobody, so here the numbers of a prompt of
 * text are the text itself: a block of numbers of 2^30 and more, which no token
 * is. (Those below 0 are rows of embeddings: wire/embed.h.) Who continues the
 * conversation, maybe in another process, gives each text to the library again,
 * and the tokens and rows between them.
 *
 * A block is a word with its kind and length, one with a hash, and 30 bits of
 * the text in each of the rest. A piece of one is found to be none.
 */
#ifndef WORKER_RKLLM_MEMO_H
#define WORKER_RKLLM_MEMO_H

#include "wire/msg.h"

enum memo_kind {
	MEMO_USER,
	MEMO_TOOL,   /* what a tool has answered */
	MEMO_RAW,    /* in no chat template */
	MEMO_IMAGES, /* a struct memo_images: of the next text, and the rows
		      * behind that are theirs */
	MEMO_KINDS
};

struct memo_images {
	uint32_t n;
	uint32_t n_rows; /* of each */
	uint32_t width, height;
	struct str start, end, mark;
};

/* The next piece of a conversation. */
struct memo {
	struct i32s tokens; /* n > 0: tokens, or rows, in place */
	enum memo_kind kind;
	bool enable_thinking;
	char *text; /* to free(3); NULL: tokens */
};

/* Appends a text of at most 2^24 bytes, as int32_t each. */
void memo_put(
    struct buf *to, enum memo_kind kind, bool enable_thinking, struct str text);

void memo_put_images(struct buf *to, const struct memo_images *im);

/* text: of a MEMO_IMAGES; *ret points into it. False: it is none. */
bool memo_get_images(const char *text, struct memo_images *ret) MUST_CHECK;

/* Takes one piece off the front. 0; ERR_EOF: there is none; ERR_INVALID: it was
 * cut in the middle of one; ERR_NOMEM. */
int memo_next(struct i32s *rest, struct memo *ret) MUST_CHECK;

/* Of numbers, to be compared; goes on from another, or 0. */
uint64_t memo_hash(uint64_t hash, struct i32s v);

/* The least number that is no token. */
#define MEMO_WORDS 0x40000000

#endif
