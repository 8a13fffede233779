/*
 * trigger - when a grammar that waits begins: at a word in the output, as the
 * mark that a model puts before a call of a tool. Words inside its reasoning
 * are none.
 *
 * Tokens are kept as far back as such a word may reach, for the grammar is fed
 * with those that have a byte of it. libllama's own search runs a regular
 * expression over all the output at each token.
 */
#ifndef WORKER_TRIGGER_H
#define WORKER_TRIGGER_H

#include "worker/words.h"

struct trigger {
	struct words words; /* what begins it, then what begins and ends
			     * reasoning */
	int n_starts;	    /* of them the first */
	int n_opens;
	bool is_reasoning;
	struct buf text;   /* of the last tokens */
	struct buf tokens; /* their ids, int32_t */
	struct buf sizes;  /* their bytes, uint32_t */
	int found;	   /* the word; -1: not yet */
};

/* All words are copied. 0, ERR_NOMEM or ERR_TOO_BIG; trigger_done() in any
 * case. */
int trigger_init(struct trigger *t, struct strs starts, struct strs opens,
    struct strs closes) MUST_CHECK;
void trigger_done(struct trigger *t);

/* Text of the prompt's end, which may have opened reasoning. */
void trigger_seed(struct trigger *t, struct str text);

/* Adds a token of the output, while no word was found. *ret_found: with this
 * one the grammar begins. 0 or ERR_NOMEM. */
int trigger_add(struct trigger *t, int32_t token, struct str text,
    bool *ret_found) MUST_CHECK;

/* When it is found: the tokens that have a byte of the word. */
struct i32s trigger_tokens(const struct trigger *t);

/* The word that was found. */
struct str trigger_word(const struct trigger *t);

#endif
