/*
 * grammar - what may come next, by a grammar; over libllama's, which throws
 * C++ exceptions.
 */
#ifndef WORKER_GRAMMAR_H
#define WORKER_GRAMMAR_H

#include "wire/layout.h"

#include <stdint.h>

struct cand;
struct llama_sampler;
struct llama_vocab;

/* Appends the schema's grammar to out. 0, ERR_INVALID, ERR_NOMEM,
 * ERR_TOO_BIG. */
int grammar_of_schema(struct str schema, struct buf *out, struct fail *f)
    MUST_CHECK;

/* A grammar's state before the first token; free by grammar_free(). patterns:
 * it begins where one of these regular expressions matches in the tokens that
 * it is given first; none: with the first token. 0, ERR_INVALID with the
 * parser's words in f, ERR_NOMEM. */
int grammar_new(const struct llama_vocab *vocab, struct str gbnf,
    struct strs patterns, struct llama_sampler **ret, struct fail *f)
    MUST_CHECK;

/* NULL is allowed. */
void grammar_free(struct llama_sampler *g);

/* Moves on by a token. 0; ERR_INTERNAL: the grammar forbids it; ERR_INVALID:
 * the grammar is too complex to go on with. */
int grammar_accept(struct llama_sampler *g, int32_t token) MUST_CHECK;

/* Minus infinity for each candidate that may not come next. 0; ERR_INTERNAL;
 * ERR_INVALID: the grammar is too complex for that. */
int grammar_sieve(struct llama_sampler *g, struct cand *v, size_t n) MUST_CHECK;

#endif
