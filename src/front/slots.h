/*
 * slots - the slots of a mapped journal: which are free, and its memory, which
 * is taken and given back in extents, so that an idle journal is small.
 */
#ifndef FRONT_SLOTS_H
#define FRONT_SLOTS_H

#include "wire/journal.h"

struct extent {
	uint64_t used[JOURNAL_EXTENT_SLOTS / 64]; /* bits */
	uint32_t n_used;
	bool is_here; /* has memory, and its bit in the top */
};

struct slots {
	struct journal_slot *map; /* [0] is the top */
	int fd;
	struct extent *extents;
	uint32_t n_extents;
	uint32_t first;	  /* no extent before it has a free slot */
	uint32_t n_used;  /* slots, the top not counted */
	uint32_t n_empty; /* extents with memory and nothing in it */
};

/* Maps all of fd, which is taken over, also when it fails; what is in it stays.
 * 0, ERR_NOMEM, or ERR_PROTO: it is no journal's file. */
int slots_map(struct slots *s, int fd) MUST_CHECK;
void slots_unmap(struct slots *s);

/* Forgets everything, gives all memory back and writes a new top. 0, or
 * ERR_NOMEM: there is not even memory for that. */
int slots_clear(struct slots *s, const char *build) MUST_CHECK;

/* A free slot's number, 0 if there is none: the file or the memory is used up.
 * Its bytes may be anything but a generation or a connection. */
uint32_t slots_take(struct slots *s);
void slots_give(struct slots *s, uint32_t slot);

/* Gives the memory of one extent back, if more is unused than is good to keep;
 * that takes a fraction of a millisecond, so it is not done in slots_give(). */
bool slots_are_tidy(const struct slots *s);
void slots_tidy(struct slots *s);

/* How many there are, the top not counted. */
uint32_t slots_count(const struct slots *s);

static inline struct journal_slot *
slots_at(const struct slots *s, uint32_t slot)
{
	return &s->map[slot];
}

static inline uint32_t
slots_number(const struct slots *s, const struct journal_slot *at)
{
	return (uint32_t)(at - s->map);
}

#endif
