#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 256u

struct str
str_of(const char *cstr)
{
	if (cstr == NULL)
		return (struct str){ "", 0 };
	return (struct str){ cstr, strlen(cstr) };
}

bool
str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
str_is(struct str a, const char *cstr)
{
	return str_eq(a, str_of(cstr));
}

char *
str_dup(struct str s)
{
	char *copy = malloc(s.n + 1);

	if (copy == NULL)
		return NULL;
	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ .max = b->max };
}

void
buf_reset(struct buf *b)
{
	b->off = 0;
	b->len = 0;
	b->err = 0;
}

void
buf_trim(struct buf *b)
{
	int err = b->err;

	buf_done(b);
	b->err = err;
}

/* Moves the held bytes to the start. */
static void
slide(struct buf *b)
{
	if (b->off == 0)
		return;
	if (b->len > 0)
		memmove(b->data, b->data + b->off, b->len);
	b->off = 0;
}

void
buf_fit(struct buf *b)
{
	uint8_t *data;

	if (b->data == NULL || b->len == b->cap)
		return;
	slide(b);
	data = realloc(b->data, b->len + 1);
	if (data == NULL)
		return;
	b->data = data;
	b->cap = b->len;
}

/* More memory, with room for n more bytes. len + n is within the ceiling. */
static int
grow(struct buf *b, size_t n)
{
	size_t cap = b->cap > 0 ? b->cap * 2 : FIRST_CAP;
	uint8_t *data;

	if (n > SIZE_MAX / 4 || b->len > SIZE_MAX / 4 - n)
		return ERR_NOMEM;
	while (cap < b->len + n)
		cap *= 2;
	if (cap > b->max)
		cap = b->max;
	slide(b);
	/* One more than is ever counted, for the terminator of printf. */
	data = realloc(b->data, cap + 1);
	if (data == NULL)
		return ERR_NOMEM;
	b->data = data;
	b->cap = cap;
	return 0;
}

static bool
lacks(const struct buf *b, size_t n)
{
	return b->data == NULL || b->cap - b->off - b->len < n;
}

uint8_t *
buf_reserve(struct buf *b, size_t n)
{
	if (b->err != 0)
		return NULL;
	if (n > b->max || b->len > b->max - n) {
		b->err = ERR_TOO_BIG;
		return NULL;
	}
	if (lacks(b, n)) {
		/* Slide only when it frees at least half, or else puts of a
		 * few bytes would move the same tail again and again. */
		if (b->off >= b->cap / 2 || b->cap == b->max)
			slide(b);
		if (lacks(b, n))
			b->err = grow(b, n);
		if (b->err != 0)
			return NULL;
	}
	return b->data + b->off + b->len;
}

void
buf_commit(struct buf *b, size_t n)
{
	b->len += n;
}

void
buf_consume(struct buf *b, size_t n)
{
	b->off += n;
	b->len -= n;
	if (b->len == 0)
		b->off = 0;
}

void
buf_truncate(struct buf *b, size_t len)
{
	if (len < b->len)
		b->len = len;
}

void
buf_put(struct buf *b, const void *p, size_t n)
{
	uint8_t *to = buf_reserve(b, n);

	if (to == NULL || n == 0)
		return;
	memcpy(to, p, n);
	b->len += n;
}

void
buf_put_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, sizeof(v));
}

void
buf_put_u16(struct buf *b, uint16_t v)
{
	buf_put(b, &v, sizeof(v));
}

void
buf_put_u32(struct buf *b, uint32_t v)
{
	buf_put(b, &v, sizeof(v));
}

void
buf_put_u64(struct buf *b, uint64_t v)
{
	buf_put(b, &v, sizeof(v));
}

void
buf_put_i32(struct buf *b, int32_t v)
{
	buf_put(b, &v, sizeof(v));
}

void
buf_put_f32(struct buf *b, float v)
{
	buf_put(b, &v, sizeof(v));
}

void
buf_put_str(struct buf *b, struct str s)
{
	buf_put(b, s.p, s.n);
}

void
buf_puts(struct buf *b, const char *cstr)
{
	buf_put(b, cstr, strlen(cstr));
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	uint8_t *to;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 && b->err == 0)
		b->err = ERR_TOO_BIG;
	to = n < 0 ? NULL : buf_reserve(b, (size_t)n);
	if (to != NULL) {
		(void)vsnprintf((char *)to, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

struct cursor
cursor_of(const void *p, size_t n)
{
	const uint8_t *start = p == NULL ? (const uint8_t *)"" : p;

	return (struct cursor){ .p = start, .end = start + n };
}

size_t
cursor_left(const struct cursor *c)
{
	return c->err ? 0 : (size_t)(c->end - c->p);
}

const void *
cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *at = c->p;

	if (c->err != 0 || n > (size_t)(c->end - c->p)) {
		c->err = ERR_PROTO;
		return NULL;
	}
	c->p += n;
	return at;
}

static void
take_into(struct cursor *c, void *to, size_t n)
{
	const void *from = cursor_take(c, n);

	if (from == NULL)
		memset(to, 0, n);
	else
		memcpy(to, from, n);
}

#define CURSOR_READ(name, type)              \
	type cursor_##name(struct cursor *c) \
	{                                    \
		type v;                      \
		take_into(c, &v, sizeof(v)); \
		return v;                    \
	}

CURSOR_READ(u8, uint8_t)
CURSOR_READ(u16, uint16_t)
CURSOR_READ(u32, uint32_t)
CURSOR_READ(u64, uint64_t)
CURSOR_READ(i32, int32_t)
CURSOR_READ(f32, float)
