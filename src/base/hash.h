/*
 * hash - FNV-1a, 64 bits: quick, and no protection from who wants two alike.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_START 0xcbf29ce484222325u /* of nothing */
#define HASH_PRIME 0x100000001b3u

/* h, with n bytes more. */
static inline uint64_t
hash_more(uint64_t h, const void *p, size_t n)
{
	const uint8_t *byte = p;

	for (size_t i = 0; i < n; i++)
		h = (h ^ byte[i]) * HASH_PRIME;
	return h;
}

#endif
