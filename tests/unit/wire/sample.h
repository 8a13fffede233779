/*
 * sample - structs of any layout with random contents, made and compared by
 * the layout's own table, so that a field added to a message is tested too.
 */
#ifndef TEST_WIRE_SAMPLE_H
#define TEST_WIRE_SAMPLE_H

#include "../../lib/any_struct.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLE_POOL 4096u

struct sample {
	uint32_t seed;
	uint32_t longest; /* bytes of a string, elements of an array */
	union any_struct st;
	_Alignas(8) uint8_t pool[SAMPLE_POOL]; /* fields point in here ... */
	struct buf strs[8];		       /* ... or in here */
	unsigned n_strs;
};

static inline uint32_t
sample_random(struct sample *s)
{
	s->seed = s->seed * 1664525u + 1013904223u;
	return s->seed >> 8;
}

static inline void
sample_init(struct sample *s, uint32_t seed, uint32_t longest)
{
	memset(s, 0, sizeof(*s));
	s->seed = seed;
	s->longest = longest;
	for (size_t i = 0; i < SAMPLE_POOL; i++)
		s->pool[i] = (uint8_t)sample_random(s);
	for (size_t i = 0; i < 8; i++)
		buf_init(&s->strs[i], SIZE_MAX);
}

static inline void
sample_done(struct sample *s)
{
	for (size_t i = 0; i < 8; i++)
		buf_done(&s->strs[i]);
}

static inline struct str
sample_str(struct sample *s)
{
	uint32_t n = sample_random(s) % (s->longest + 1);
	uint32_t off = sample_random(s) % (SAMPLE_POOL - n);

	return (struct str){ (const char *)s->pool + off, n };
}

static inline struct strs
sample_strs(struct sample *s)
{
	struct buf *b = &s->strs[s->n_strs++ % 8];

	buf_reset(b);
	for (uint32_t n = sample_random(s) % 5; n > 0; n--)
		strs_put(b, sample_str(s));
	return (struct strs){ buf_str(b) };
}

static inline void
sample_field(struct sample *s, enum field_kind kind, void *at)
{
	uint32_t n = sample_random(s) % (s->longest / 8 + 1);

	switch (kind) {
	case FIELD_u8:
		*(uint8_t *)at = (uint8_t)sample_random(s);
		break;
	case FIELD_u32:
	case FIELD_i32:
	case FIELD_f32:
		*(uint32_t *)at = sample_random(s) << 8 | sample_random(s);
		break;
	case FIELD_u64:
		*(uint64_t *)at =
		    (uint64_t)sample_random(s) << 40 | sample_random(s);
		break;
	case FIELD_str:
		*(struct str *)at = sample_str(s);
		break;
	case FIELD_strs:
		*(struct strs *)at = sample_strs(s);
		break;
	case FIELD_i32s:
		*(struct i32s *)at = (struct i32s){ (int32_t *)s->pool, n };
		break;
	case FIELD_biases:
		*(struct biases *)at =
		    (struct biases){ (struct bias *)s->pool, n };
		break;
	}
}

/* Fills s->st at random. */
static inline void
sample_make(struct sample *s, const struct layout *l)
{
	memset(&s->st, 0, sizeof(s->st));
	s->n_strs = 0;
	for (size_t i = 0; i < l->n_fields; i++)
		sample_field(
		    s, l->fields[i].kind, (char *)&s->st + l->fields[i].off);
}

static inline bool
sample_same_field(enum field_kind kind, const void *a, const void *b)
{
	const struct i32s *x = a, *y = b;
	size_t each =
	    kind == FIELD_i32s ? sizeof(int32_t) : sizeof(struct bias);

	switch (kind) {
	case FIELD_u8:
		return memcmp(a, b, 1) == 0;
	case FIELD_u32:
	case FIELD_i32:
	case FIELD_f32:
		return memcmp(a, b, 4) == 0;
	case FIELD_u64:
		return memcmp(a, b, 8) == 0;
	case FIELD_str:
	case FIELD_strs:
		return str_eq(*(const struct str *)a, *(const struct str *)b);
	case FIELD_i32s:
	case FIELD_biases:
		return x->n == y->n &&
		    (x->n == 0 || memcmp(x->p, y->p, x->n * each) == 0);
	}
	return false;
}

/* The name of the first field that differs, or NULL. */
static inline const char *
sample_differs(const struct layout *l, const void *a, const void *b)
{
	for (size_t i = 0; i < l->n_fields; i++) {
		size_t off = l->fields[i].off;

		if (!sample_same_field(l->fields[i].kind, (const char *)a + off,
			(const char *)b + off))
			return l->fields[i].name;
	}
	return NULL;
}

#endif
