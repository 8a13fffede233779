/*
 * talk - a conversation: what rkllm.h calls the KV cache.
 *
 * It is the token ids that the next turn goes on from, and where in them each
 * prompt and each answer ends; what an engine has of it in memory is only time
 * saved. So it outlives a worker, and can be cut anywhere.
 */
#ifndef RKLLM_TALK_H
#define RKLLM_TALK_H

#include "wire/msg.h"

struct talk {
	uint64_t key;	    /* of its KV cache; never 0 */
	struct buf history; /* int32_t each */
	struct buf turns;   /* int32_t each: see GEN_SUBMIT */
	struct buf embeds;  /* rows that history has: wire/embed.h */
	size_t row;	    /* bytes of one */
	uint32_t n_system;  /* tokens of history that are its system prompt */
	bool has_begun;	    /* somebody has said something */
};

/* A turn that was said. */
struct talk_turn {
	struct i32s prompt;
	struct i32s turns; /* that it went on from, in prompt */
	struct i32s out;
	struct str embeds; /* rows that prompt speaks of, and maybe others */
	size_t row;	   /* bytes of one; 0: there are none */
	uint32_t n_system; /* of the first turn's prompt */
	/* How the context shifted meanwhile. */
	uint32_t n_ctx;
	int32_t n_keep;
	bool may_shift;
};

/* key: of which there is no other; not 0. */
void talk_init(struct talk *t, uint64_t key);
void talk_done(struct talk *t);

/* Lets a run go on from it; what g then points at is t's, or mem's: where both
 * have embeddings, mem, which is empty, gets them all. 0, ERR_NOMEM,
 * ERR_TOO_BIG, or ERR_INVALID: its embeddings have another length. */
int talk_fill(const struct talk *t, struct buf *mem, struct gen_submit *g)
    MUST_CHECK;

/* 0; ERR_NOMEM or, where it speaks of embeddings that are not there,
 * ERR_INTERNAL: then it is empty. */
int talk_add(struct talk *t, const struct talk_turn *turn) MUST_CHECK;

/* Forgets all, or all but the system prompt. */
void talk_clear(struct talk *t, bool keep_system);

/* Whether they are in it: 0, or ERR_INVALID with why. */
int talk_may_cut(const struct talk *t, uint32_t from, uint32_t end,
    struct fail *why) MUST_CHECK;

/* Forgets the tokens [from, end). 0, ERR_INVALID with why, or ERR_NOMEM. */
int talk_cut(struct talk *t, uint32_t from, uint32_t end, struct fail *why)
    MUST_CHECK;

/* Tokens. */
uint32_t talk_size(const struct talk *t);

/* Memory that it takes. */
size_t talk_bytes(const struct talk *t);

#endif
