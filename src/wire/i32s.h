/*
 * i32s - lists of int32_t in a buf.
 */
#ifndef WIRE_I32S_H
#define WIRE_I32S_H

#include "wire/layout.h"

/* What a buf of int32_t holds, until it changes: its bytes are malloc(3)'s, and
 * nothing may have been taken off its front. */
static inline struct i32s
i32s_in(const struct buf *b)
{
	return (struct i32s){ (const int32_t *)(const void *)buf_data(b),
		(uint32_t)(buf_len(b) / sizeof(int32_t)) };
}

static inline void
buf_put_i32s(struct buf *b, struct i32s v)
{
	if (v.n > 0)
		buf_put(b, v.p, (size_t)v.n * sizeof(*v.p));
}

#endif
