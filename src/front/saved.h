/*
 * saved - reads generations back out of a journal: one's own, to send one to
 * a worker again, and a dead front's. Not one byte of it is trusted: it may
 * have been written by a front that was taken over.
 */
#ifndef FRONT_SAVED_H
#define FRONT_SAVED_H

#include "front/journal.h"

/* Of the logits of the last tokens, for a worker to compare. */
#define SAVED_HASHES 8u

/* A journal in memory, aligned to 8 bytes. */
struct view {
	const uint8_t *p;
	uint32_t n_slots;
	uint64_t left; /* slots that may still be read */
};

#define SAVED_WORD(off, name, what) uint32_t name;
struct saved_words {
	JOURNAL_GEN_FIELDS(SAVED_WORD)
};
#undef SAVED_WORD

struct saved {
	uint64_t id;
	struct saved_words words;
	struct journal_about about;   /* strings in text */
	struct journal_origin origin; /* strings in where; all 0: none yet */
	/* What to send to a worker: GEN_SUBMIT as it was at first or, when the
	 * prompt is known, as a resume. */
	struct gen_submit submit;
	struct gen_submit first; /* as it was at first, whatever came of it */
	uint32_t n_prompt;
	uint32_t n_tokens;
	bool has_conn; /* its connection's counts are there: */
	uint64_t made; /* bytes; see struct journal_conn */
	uint64_t intent;
	uint64_t sent;
	/* What the above points to; kept from one reading to the next. */
	struct buf text;
	struct buf where;
	struct buf prompt;
	struct buf tokens; /* struct journal_token */
	struct buf done;
	struct buf hashes;
};

/* Looks at the top. 0; ERR_NOT_FOUND: nobody has written yet;
 * ERR_UNSUPPORTED: another version has; ERR_PROTO: it is no journal. With the
 * last two, why says for a log. p must stay. */
int view_open(const void *p, size_t n, struct view *ret, struct fail *why)
    MUST_CHECK;

/* The first slot after from (0: of all) where a generation begins; 0: no more.
 */
uint32_t view_next(const struct view *v, uint32_t from);

/* Makes s empty, for saved_read(). */
void saved_init(struct saved *s);
void saved_done(struct saved *s);

/* Reads the generation at that slot into s. 0; ERR_PROTO: it is damaged, and
 * nothing in s is to be used; ERR_NOMEM. All readings of a view together cost
 * no more than a few times its size: damage may have many lead to the same. */
int saved_read(struct saved *s, struct view *v, uint32_t slot) MUST_CHECK;

/* The same for one of ours. */
int saved_read_own(
    struct saved *s, const struct journal *j, const struct entry *e) MUST_CHECK;

/* Gives memory back that one large generation took. */
void saved_trim(struct saved *s);

#endif
