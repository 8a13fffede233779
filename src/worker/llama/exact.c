#include "worker/llama/exact.h"

#include <string.h>

#define LANES 4 /* so that multiplications overlap */
#define PRIME_1 0x9e3779b185ebca87u
#define PRIME_2 0xc2b2ae3d27d4eb4fu

/* For sums of products, as in XXH64's rounds (github.com/Cyan4973/xxHash,
 * doc/xxhash_spec.md), over the bits as they lie in memory. */
static uint64_t
mix(uint64_t lane, uint64_t word)
{
	lane += word * PRIME_2;
	lane = lane << 31 | lane >> 33;
	return lane * PRIME_1;
}

static uint64_t
finish(uint64_t h)
{
	h = (h ^ h >> 33) * PRIME_2;
	h = (h ^ h >> 29) * PRIME_1;
	return h ^ h >> 32;
}

uint64_t
exact_hash(const float *row, size_t n)
{
	uint64_t lane[LANES] = { PRIME_1, PRIME_2, n, 0 }, h = 0;
	size_t n_bytes = n * sizeof(*row), at = 0;
	uint64_t word[LANES];

	for (; n_bytes - at >= sizeof(word); at += sizeof(word)) {
		memcpy(word, (const char *)row + at, sizeof(word));
		for (int i = 0; i < LANES; i++)
			lane[i] = mix(lane[i], word[i]);
	}
	memset(word, 0, sizeof(word));
	memcpy(word, (const char *)row + at, n_bytes - at);
	for (int i = 0; i < LANES; i++)
		h = mix(h ^ lane[i], word[i]);
	return finish(h);
}

/* A token of the output was drawn from the row before its position. */
void
exact_check_init(struct exact_check *c, struct str hashes, uint32_t n_known)
{
	size_t n = hashes.n / sizeof(c->want[0]);
	const char *end = hashes.p + n * sizeof(c->want[0]);

	*c = (struct exact_check){ 0 };
	if (n > EXACT_HASHES)
		n = EXACT_HASHES;
	if (n == 0 || n >= n_known)
		return;
	memcpy(c->want, end - n * sizeof(c->want[0]), n * sizeof(c->want[0]));
	c->n = (uint32_t)n;
	c->from = n_known - 1 - c->n;
}

bool
exact_check_wants(const struct exact_check *c, uint32_t pos)
{
	return pos >= c->from && pos < c->from + c->n;
}

void
exact_check_row(struct exact_check *c, uint32_t pos, const float *row, size_t n)
{
	if (row != NULL && exact_hash(row, n) == c->want[pos - c->from])
		c->n_same++;
	else
		c->n_differ++;
}

bool
exact_check_is_over(struct exact_check *c, uint32_t n_past, bool *ret_agrees)
{
	if (c->n == 0 || n_past < c->from + c->n)
		return false;
	c->n = 0;
	*ret_agrees = c->n_differ == 0;
	return c->n_same + c->n_differ > 0;
}
