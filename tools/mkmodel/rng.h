/*
 * rng - random numbers by position: draw i of stream k is the same whenever
 * and in whatever order it is asked for. SplitMix64's output function
 * (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
 */
#ifndef MKMODEL_RNG_H
#define MKMODEL_RNG_H

#include <stdint.h>

static inline uint64_t
rng_at(uint64_t stream, uint64_t i)
{
	uint64_t z = stream + (i + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* A stream for a name, so that tensors do not depend on their order. FNV-1a. */
static inline uint64_t
rng_stream(uint64_t seed, const char *name)
{
	uint64_t h = 0xcbf29ce484222325u ^ rng_at(seed, 0);

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3u;
	return h;
}

/* Close to a normal distribution of mean 0 and deviation 1: the sum of four
 * uniform 16-bit numbers, whose variance is 4/12. Exact in any rounding. */
static inline float
rng_normal(uint64_t stream, uint64_t i)
{
	uint64_t r = rng_at(stream, i);
	int32_t sum = (int32_t)(r & 0xffff) + (int32_t)(r >> 16 & 0xffff) +
	    (int32_t)(r >> 32 & 0xffff) + (int32_t)(r >> 48);

	return (float)(sum - 2 * 0xffff) * (1.7320508f / 65536.0f);
}

#endif
