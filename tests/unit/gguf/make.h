/* Makes GGUF files, right and wrong ones, in memory. */
#ifndef TEST_GGUF_MAKE_H
#define TEST_GGUF_MAKE_H

#include "base/buf.h"
#include "gguf/gguf.h"

#include <string.h>

static struct buf made;

static void
text(const char *s)
{
	buf_put_u64(&made, strlen(s));
	buf_puts(&made, s);
}

static void
key(const char *name, uint32_t kind)
{
	text(name);
	buf_put_u32(&made, kind);
}

static void
begin(uint64_t n_tensors, uint64_t n_keys)
{
	buf_init(&made, 4u << 20);
	buf_puts(&made, "GGUF");
	buf_put_u32(&made, 3);
	buf_put_u64(&made, n_tensors);
	buf_put_u64(&made, n_keys);
}

static void
count(const char *name, uint32_t n)
{
	key(name, GGUF_U32);
	buf_put_u32(&made, n);
}

static void
words(const char *name, const char *value)
{
	key(name, GGUF_TEXT);
	text(value);
}

static void
tensor(const char *name, uint64_t a, uint64_t b, uint32_t type, uint64_t at)
{
	text(name);
	buf_put_u32(&made, 2);
	buf_put_u64(&made, a);
	buf_put_u64(&made, b);
	buf_put_u32(&made, type);
	buf_put_u64(&made, at);
}

static void
data(size_t n)
{
	while (buf_len(&made) % 32 != 0)
		buf_put_u8(&made, 0);
	for (size_t i = 0; i < n; i++)
		buf_put_u8(&made, (uint8_t)i);
}

static size_t
read_made(void *arg, void *p, size_t n, uint64_t from)
{
	const struct buf *b = arg;

	if (from >= buf_len(b))
		return 0;
	if (n > buf_len(b) - from)
		n = buf_len(b) - (size_t)from;
	memcpy(p, buf_data(b) + from, n);
	return n;
}

#endif
