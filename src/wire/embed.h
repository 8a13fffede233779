/*
 * embed - places in a prompt that are no token ids but rows of numbers, as an
 * encoder of images makes them.
 *
 * A record has its rows one after the other in `embeds`; in its lists of tokens
 * the k-th stands as -1 - k.
 */
#ifndef WIRE_EMBED_H
#define WIRE_EMBED_H

#include <stdbool.h>
#include <stdint.h>

static inline bool
embed_is(int32_t token)
{
	return token < 0;
}

static inline int32_t
embed_token(uint32_t k)
{
	return -1 - (int32_t)k;
}

static inline uint32_t
embed_row(int32_t token)
{
	return (uint32_t)(-1 - token);
}

#endif
