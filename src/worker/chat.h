/*
 * chat - what llama.cpp offers only in C++, or throws C++ exceptions from:
 * chat templates, JSON schema to grammar, and grammars.
 *
 * chat.cc is the one C++ file. It lets no exception out: each becomes an
 * error with its text. Templates, schemas and grammars are read by recursion,
 * so what nests too deeply is refused first (nest.h).
 */
#ifndef WORKER_CHAT_H
#define WORKER_CHAT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct llama_model;
struct llama_sampler;
struct llama_vocab;
struct chat;
struct cand;

/* The template of the model, or the override if that is not empty, or
 * ChatML. The model must outlive it. 0, ERR_NOMEM, ERR_UNSUPPORTED (its
 * template is broken: f says how). */
int chat_open(const struct llama_model *model, struct str override,
    struct chat **ret, struct fail *f) MUST_CHECK;

/* NULL is allowed. */
void chat_free(struct chat *c);

/* Which llama.cpp this is. */
const char *chat_engine(void);

/* Whether the file, or the override, has a template. */
bool chat_is_explicit(const struct chat *c);

/* Appends the prompt to out. messages: a JSON array in OpenAI's form; kwargs:
 * a JSON object for the template, or empty. 0, ERR_INVALID with field
 * "messages" or "chat_template_kwargs", ERR_NOMEM, ERR_TOO_BIG. */
int chat_render(struct chat *c, struct str messages, struct str kwargs,
    bool enable_thinking, struct buf *out, struct fail *f) MUST_CHECK;

/* Appends the schema's grammar to out. 0, ERR_INVALID, ERR_NOMEM,
 * ERR_TOO_BIG. */
int chat_schema(struct str schema, struct buf *out, struct fail *f) MUST_CHECK;

/* A grammar's state before the first token; free by chat_grammar_free().
 * 0, ERR_INVALID with the parser's words in f, ERR_NOMEM. */
int chat_grammar(const struct llama_vocab *vocab, struct str gbnf,
    struct llama_sampler **ret, struct fail *f) MUST_CHECK;

/* NULL is allowed. */
void chat_grammar_free(struct llama_sampler *g);

/* Moves on by a token. 0; ERR_INTERNAL: the grammar forbids it; ERR_INVALID:
 * the grammar is too complex to go on with. */
int chat_grammar_accept(struct llama_sampler *g, int32_t token) MUST_CHECK;

/* Minus infinity for each candidate that may not come next. 0; ERR_INTERNAL;
 * ERR_INVALID: the grammar is too complex for that. */
int chat_grammar_sieve(struct llama_sampler *g, struct cand *v, size_t n)
    MUST_CHECK;

#endif
