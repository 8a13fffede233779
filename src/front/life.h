/*
 * life - what a generation is, and what changes it. Private to gen.c, where it
 * is admitted and ends, and gen_worker.c, which speaks with its worker.
 */
#ifndef FRONT_LIFE_H
#define FRONT_LIFE_H

#include "base/list.h"
#include "front/gen.h"
#include "front/journal.h"

struct origin;

/* All that a generation is: what is here, and what is in the journal, which is
 * JOURNAL_GEN_FIELDS (wire/journal.h), the record and the tokens. A member goes
 * into one of the two lists. Here: type, name, why a front that comes after this
 * one can do without it. */
#define GEN_FIELDS(F)                                                          \
	F(struct list, link, "its model's active, or endings, or none: state") \
	F(struct ticket, ticket, "its turn is another there; deaths are kept") \
	F(struct model *, model, "journal_about and journal_origin name it")   \
	F(const struct gen_ops *, ops, "by protocol; NULL: the owner is gone") \
	F(void *, arg, "the owner is made anew from journal_about")            \
	F(uint64_t, id, "also the slot's and the record's")                    \
	F(enum gen_mode, mode, "also the record's")                            \
	F(uint32_t, n_cols, "of its rows; each frame of them says it")         \
	F(uint32_t, n_rows, "that there will be; the same")                    \
	F(struct entry, entry, "found by a walk over the slots")               \
	F(struct journal_gen *, j, "what is in the journal; of entry")         \
	F(struct origin *, origin, "its slot is in the journal")               \
	F(uint32_t, most, "tokens, where the context is no bound; the record") \
	F(struct journal_conn *, out, "its slot is in journal_about")

#define GEN_MEMBER(type, name, why) type name;
struct gen {
	GEN_FIELDS(GEN_MEMBER)
	char end[];
};
struct gen_listed {
	GEN_FIELDS(GEN_MEMBER)
	char end[];
};
_Static_assert(offsetof(struct gen, end) == offsetof(struct gen_listed, end),
    "a member of struct gen that is in no list: is it lost with the front "
    "(GEN_FIELDS, with the reason) or kept (JOURNAL_GEN_FIELDS)?");

void gen_set_state(struct gen *g, enum gen_state s);

/* A message that says no more than its id: 0 or as chan_send(). */
int gen_tell(struct gen *g, enum msg what);

/* The last words: g is gone afterwards. */
void gen_end_failed(struct gen *g, const struct fail *why);
void gen_free(struct gen *g);

#endif
