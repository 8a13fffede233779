/*
 * journal - what is written of the running requests into the memory that a
 * next front finds (wire/journal.h: the layout, and what counts when). It is
 * not a copy: the tokens, the prompt and the record are nowhere else.
 *
 * Nothing here makes a system call but where memory is taken or given back, a
 * MiB at a time. What is full says ERR_BUSY.
 */
#ifndef FRONT_JOURNAL_H
#define FRONT_JOURNAL_H

#include "front/slots.h"

struct journal {
	struct slots slots;
	uint64_t n_conns; /* ever: ids */
	uint64_t n_origins;
};

/* One generation's part. Its words are gen's members; what a store to one of
 * them says counts at once. */
struct entry {
	struct journal *in;
	struct journal_slot *head;
	struct journal_gen *gen;
	struct journal_slot *tail; /* of the tokens; NULL: none yet */
	uint32_t n_prompt;
	uint32_t n_tokens;
};

/* Empties it and makes it ours. 0 or ERR_NOMEM. */
int journal_begin(struct journal *j) MUST_CHECK;

/* False when so little is left that what runs should have it. */
bool journal_has_room(const struct journal *j);

/* Writes what a generation starts with. It does not count until entry_begin();
 * set its words in between. 0 or ERR_BUSY. */
int entry_new(struct journal *j, uint64_t id, struct str about,
    struct str record, struct entry *ret) MUST_CHECK;
void entry_begin(struct entry *e);

/* Once: the prompt, and the turns in it. 0 or ERR_BUSY. */
int entry_prompt(struct entry *e, struct i32s turns, struct i32s ids)
    MUST_CHECK;

/* One token more, with all that t says but out. *ret (good until the next call)
 * is where it stands. 0 or ERR_BUSY. */
int entry_token(struct entry *e, const struct journal_token *t,
    struct journal_token **ret) MUST_CHECK;

/* It is over. Harmless for one that is all zero. */
void entry_free(struct entry *e);

/* Bytes in a chain of that kind, for what generations share. Its first slot's
 * number; 0: no room. */
uint32_t journal_text_new(
    struct journal *j, enum journal_kind kind, uint64_t id, struct str text);
void journal_text_free(struct journal *j, uint32_t slot);

/* The counts of a connection. NULL if there is no room. */
struct journal_conn *journal_conn_new(struct journal *j);

/* NULL is allowed. */
void journal_conn_free(struct journal *j, struct journal_conn *c);

/* For struct journal_about: its id and its slot. */
uint64_t journal_conn_id(const struct journal_conn *c);
uint32_t journal_conn_slot(
    const struct journal *j, const struct journal_conn *c);

static inline void
journal_count(_Atomic uint64_t *at, uint64_t value)
{
	atomic_store_explicit(at, value, memory_order_release);
}

#endif
