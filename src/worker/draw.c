#include "worker/draw.h"

/* The finalizer of SplitMix64 (Steele, Lea, Flood 2014): every input bit
 * changes every output bit with probability one half. */
static uint64_t
mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* Three rounds, so that neighbouring seeds and positions share nothing. */
double
draw_unit(uint64_t seed, uint64_t pos, enum draw_for what)
{
	const uint64_t golden = 0x9e3779b97f4a7c15u; /* 2^64 / phi */
	uint64_t x = mix(seed + golden);

	x = mix(x + golden * (pos + 1));
	x = mix(x + golden * (uint64_t)what);
	return (double)(x >> 11) * 0x1p-53;
}
