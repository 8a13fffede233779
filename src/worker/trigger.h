/*
 * trigger - when a grammar that waits begins: at a word in the output, as the
 * mark that a model puts before a call of a tool; for a few formats, where a
 * pattern matches. Inside reasoning none counts.
 *
 * Tokens are kept as far back as that may reach, for the grammar is fed with
 * those that have a byte of it. libllama's own search runs regular expressions
 * over all the output at each token; here, and only where a format needs them,
 * they see the last TRIGGER_WINDOW bytes.
 */
#ifndef WORKER_TRIGGER_H
#define WORKER_TRIGGER_H

#include "worker/words.h"

#define TRIGGER_WINDOW 256u /* bytes */

/* Looks for a pattern in the end of the output; is_all: it is all of it. True,
 * and *ret_from is where in the window it begins. */
typedef bool (*trigger_fn)(
    void *arg, struct str window, bool is_all, size_t *ret_from);

struct trigger {
	struct words words; /* what begins it, then what begins and ends
			     * reasoning */
	int n_starts;	    /* of them the first */
	int n_opens;
	bool is_reasoning;
	struct buf text;    /* of the last tokens */
	struct buf tokens;  /* their ids, int32_t */
	struct buf sizes;   /* their bytes, uint32_t */
	size_t n_thought;   /* bytes of text up to the end of reasoning */
	bool has_forgotten; /* some of the output */
	trigger_fn find;    /* NULL: there are no patterns */
	void *arg;
};

/* All words are copied; find may be NULL. 0, ERR_NOMEM or ERR_TOO_BIG;
 * trigger_done() in any case. */
int trigger_init(struct trigger *t, struct strs starts, struct strs opens,
    struct strs closes, trigger_fn find, void *arg) MUST_CHECK;
void trigger_done(struct trigger *t);

/* Text of the prompt's end, which may have opened reasoning. */
void trigger_seed(struct trigger *t, struct str text);

/* Adds a token of the output, while nothing was found. *ret_found: with this
 * one the grammar begins. 0 or ERR_NOMEM. */
int trigger_add(struct trigger *t, int32_t token, struct str text,
    bool *ret_found) MUST_CHECK;

/* When it is found: the tokens that have a byte of the word or the match. */
struct i32s trigger_tokens(const struct trigger *t);

#endif
