/*
 * embeds - a generation's embeddings: what stands in its prompt where tokens
 * are no ids (wire/embed.h).
 */
#ifndef WORKER_LLAMA_EMBEDS_H
#define WORKER_LLAMA_EMBEDS_H

#include "worker/llama/model.h"

#include "wire/embed.h"

struct embeds {
	float *rows;	  /* n of m->n_embd each */
	uint64_t *hashes; /* of each: they tell rows apart */
	uint32_t n;
};

/* How many a record has, if all is well with them. 0, or ERR_INVALID. */
int embeds_count(const struct model *m, const struct gen_submit *s,
    uint32_t *ret, struct fail *why) MUST_CHECK;

/* Copies them; embeds_done() in any case. 0, ERR_INVALID with why, ERR_NOMEM.
 */
int embeds_init(struct embeds *e, const struct model *m,
    const struct gen_submit *s, struct fail *why) MUST_CHECK;
void embeds_done(struct embeds *e);

/* That each token is one of n_vocab, or of n embeddings. 0 or ERR_INVALID. */
int embeds_check_tokens(struct i32s tokens, uint32_t n_vocab, uint32_t n,
    const char *field, struct fail *why) MUST_CHECK;

/* Of the first n tokens from the from-th on: as many as are like that one, ids
 * or embeddings, for one batch has only either. */
uint32_t embeds_alike(const int32_t *tokens, uint32_t from, uint32_t n);

#endif
