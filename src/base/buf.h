/*
 * buf - bytes with a hard ceiling, and typed reads whose first failure sticks.
 *
 * A struct buf grows up to its ceiling and then refuses: every put after the
 * first failure does nothing, so a writer checks buf_err() once, at the end.
 * A struct cursor reads what a buf wrote; after the first short or bad read
 * every read gives zero, so a reader checks cursor.err once, at the end.
 * Numbers are in the machine's own byte order: both ends are on one machine.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes that belong to somebody else; not terminated. */
struct str {
	const char *p;
	size_t n;
};

#define STR(literal) ((struct str){ (literal), sizeof(literal) - 1 })

struct str str_of(const char *cstr); /* NULL gives the empty string */
bool str_eq(struct str a, struct str b);
bool str_is(struct str a, const char *cstr);

/* A terminated copy to free(3); NULL if out of memory. */
char *str_dup(struct str s);

struct buf {
	uint8_t *data;
	size_t off; /* consumed from the front */
	size_t len; /* bytes held, from off */
	size_t cap;
	size_t max; /* the ceiling on len */
	int err;    /* 0, ERR_NOMEM or ERR_TOO_BIG; sticks until reset */
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);  /* frees; b may be used again after init */
void buf_reset(struct buf *b); /* empties, forgets err, keeps the memory */
void buf_trim(struct buf *b);  /* empties, gives the memory back, not err */
void buf_fit(struct buf *b);   /* gives back the memory that is not used */

static inline const uint8_t *
buf_data(const struct buf *b)
{
	/* Never NULL: arithmetic and memcpy(3) want none, even with 0. */
	return b->data == NULL ? (const uint8_t *)"" : b->data + b->off;
}

static inline size_t
buf_len(const struct buf *b)
{
	return b->len;
}

static inline int
buf_err(const struct buf *b)
{
	return b->err;
}

static inline struct str
buf_str(const struct buf *b)
{
	return (struct str){ (const char *)buf_data(b), b->len };
}

/* Room for n more bytes, to be filled and then committed; NULL (and err) when
 * that would pass the ceiling. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);

/* Drops n bytes from the front; n must not pass buf_len(). */
void buf_consume(struct buf *b, size_t n);

/* Drops bytes from the end until len is left. */
void buf_truncate(struct buf *b, size_t len);

void buf_put(struct buf *b, const void *p, size_t n);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_i32(struct buf *b, int32_t v);
void buf_put_f32(struct buf *b, float v);
void buf_put_str(struct buf *b, struct str s); /* the bytes alone */
void buf_puts(struct buf *b, const char *cstr);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

struct cursor {
	const uint8_t *p;
	const uint8_t *end;
	int err; /* 0 or ERR_PROTO */
};

struct cursor cursor_of(const void *p, size_t n);
size_t cursor_left(const struct cursor *c);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
int32_t cursor_i32(struct cursor *c);
float cursor_f32(struct cursor *c);

/* n bytes in place; NULL (and err) if there are fewer. */
const void *cursor_take(struct cursor *c, size_t n);

#endif
