#include "wire/layout.h"

#include <string.h>

#define ALIGN 4u

/* Arrays are read in place, so they start at a multiple of 4. */
static void
pad(struct buf *out, size_t start)
{
	static const uint8_t zero[ALIGN];
	size_t odd = (buf_len(out) - start) % ALIGN;

	if (odd != 0)
		buf_put(out, zero, ALIGN - odd);
}

static void
pack_array(
    struct buf *out, size_t start, const void *p, uint32_t n, size_t each)
{
	buf_put_u32(out, n);
	pad(out, start);
	if (n > 0)
		buf_put(out, p, n * each);
}

static void
pack_field(struct buf *out, size_t start, enum field_kind kind, const void *at)
{
	const struct str *s = at;
	const struct i32s *ints = at;
	const struct biases *biases = at;

	switch (kind) {
	case FIELD_u8:
		buf_put(out, at, sizeof(uint8_t));
		break;
	case FIELD_u32:
	case FIELD_i32:
	case FIELD_f32:
		buf_put(out, at, sizeof(uint32_t));
		break;
	case FIELD_u64:
		buf_put(out, at, sizeof(uint64_t));
		break;
	case FIELD_str:
	case FIELD_strs:
		strs_put(out, *s);
		break;
	case FIELD_i32s:
		pack_array(out, start, ints->p, ints->n, sizeof(int32_t));
		break;
	case FIELD_biases:
		pack_array(
		    out, start, biases->p, biases->n, sizeof(struct bias));
		break;
	}
}

void
layout_pack(const struct layout *l, const void *st, struct buf *out)
{
	size_t start = buf_len(out);

	for (size_t i = 0; i < l->n_fields; i++)
		pack_field(out, start, l->fields[i].kind,
		    (const char *)st + l->fields[i].off);
}

static const void *
take_array(struct cursor *c, const uint8_t *start, size_t each, uint32_t *ret_n)
{
	uint32_t n = cursor_u32(c);
	size_t odd = c->err ? 0 : (size_t)(c->p - start) % ALIGN;
	const void *at;

	if (odd != 0)
		(void)cursor_take(c, ALIGN - odd);
	at = cursor_take(c, (size_t)n * each);
	*ret_n = at == NULL ? 0 : n;
	return at;
}

static struct str
take_str(struct cursor *c)
{
	uint32_t n = cursor_u32(c);
	const char *p = cursor_take(c, n);

	return p == NULL ? STR("") : (struct str){ p, n };
}

static void
check_strs(struct cursor *c, struct str packed)
{
	struct cursor in = cursor_of(packed.p, packed.n);

	while (in.err == 0 && cursor_left(&in) > 0)
		(void)take_str(&in);
	if (in.err != 0)
		c->err = in.err;
}

static void
take_field(
    struct cursor *c, const uint8_t *start, enum field_kind kind, void *at)
{
	const void *raw;
	size_t n;

	switch (kind) {
	case FIELD_u8:
	case FIELD_u32:
	case FIELD_i32:
	case FIELD_f32:
	case FIELD_u64:
		n = kind == FIELD_u8 ? 1 : kind == FIELD_u64 ? 8 : 4;
		raw = cursor_take(c, n);
		if (raw != NULL)
			memcpy(at, raw, n);
		break;
	case FIELD_str:
		*(struct str *)at = take_str(c);
		break;
	case FIELD_strs:
		*(struct str *)at = take_str(c);
		check_strs(c, *(struct str *)at);
		break;
	case FIELD_i32s: {
		struct i32s *a = at;
		a->p = take_array(c, start, sizeof(int32_t), &a->n);
		break;
	}
	case FIELD_biases: {
		struct biases *a = at;
		a->p = take_array(c, start, sizeof(struct bias), &a->n);
		break;
	}
	}
}

int
layout_unpack(const struct layout *l, void *ret, const void *p, size_t n)
{
	struct cursor c = cursor_of(p, n);
	const uint8_t *start = c.p;

	memset(ret, 0, l->size);
	for (size_t i = 0; i < l->n_fields; i++)
		take_field(&c, start, l->fields[i].kind,
		    (char *)ret + l->fields[i].off);
	if (c.err != 0 || cursor_left(&c) != 0)
		return ERR_PROTO;
	return 0;
}

void
strs_put(struct buf *b, struct str s)
{
	if (s.n > UINT32_MAX) {
		b->err = ERR_TOO_BIG;
		return;
	}
	buf_put_u32(b, (uint32_t)s.n);
	buf_put_str(b, s);
}

struct cursor
strs_walk(struct strs s)
{
	return cursor_of(s.packed.p, s.packed.n);
}

bool
strs_next(struct cursor *c, struct str *ret)
{
	if (cursor_left(c) == 0)
		return false;
	*ret = take_str(c);
	return c->err == 0;
}

size_t
strs_count(struct strs s)
{
	struct cursor c = strs_walk(s);
	struct str one;
	size_t n = 0;

	while (strs_next(&c, &one))
		n++;
	return n;
}
