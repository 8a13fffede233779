/*
 * tools - what a generation does beside the usual because tools are offered: a
 * grammar that begins when the model begins to call one, and text that is taken
 * apart as it comes.
 */
#ifndef WORKER_LLAMA_TOOLS_H
#define WORKER_LLAMA_TOOLS_H

#include "worker/chat.h"
#include "worker/trigger.h"

struct llama_sampler;
struct llama_vocab;

struct tools {
	struct chat_form *form; /* NULL: none are offered */
	bool is_plain;		/* the model sees them; what it says is text */
	struct chat_form_about about;
	struct reader reader;
	struct trigger trigger;
	bool is_waiting;   /* for the trigger */
	struct buf tokens; /* int32_t each: specials that count as text */
};

/* Takes over form, also when it fails. seed: of the ids of calls. 0, ERR_NOMEM
 * or ERR_TOO_BIG; tools_done() in any case. */
int tools_init(struct tools *t, struct chat_form *form, bool is_plain,
    const struct llama_vocab *vocab, uint64_t seed) MUST_CHECK;

/* Whether text comes in parts. */
bool tools_has_parts(const struct tools *t);
void tools_done(struct tools *t);

/* Whether that control token shows as text. */
bool tools_is_text(const struct tools *t, int32_t token);

/* *ret: the grammar of the first token; NULL: there is none, or not yet. 0, or
 * as grammar_new(); ERR_UNSUPPORTED: its form cannot be used here. */
int tools_grammar(const struct tools *t, const struct llama_vocab *vocab,
    struct llama_sampler **ret, struct fail *why) MUST_CHECK;

/* A token was taken while there is no grammar: *ret is the one that begins with
 * it, or NULL. 0 or ERR_NOMEM. */
int tools_add(struct tools *t, const struct llama_vocab *vocab, int32_t token,
    struct str text, struct llama_sampler **ret) MUST_CHECK;

/* More text, and its parts: until the next call. 0, ERR_NOMEM, ERR_TOO_BIG. */
int tools_read(struct tools *t, struct str text, bool is_last, struct str *ret)
    MUST_CHECK;

#endif
