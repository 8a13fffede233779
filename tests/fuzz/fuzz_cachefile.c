/*
 * A prompt cache as a file: what is accepted lies within the file, and what it
 * is about within what was read. Its digest is not looked at here, for it
 * keeps nobody out who can reckon.
 */
#include "wire/cachefile.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* So that the bytes are really read. */
static volatile unsigned sink;

static void
read_all(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sink += ((const uint8_t *)p)[i];
}

/* The parts are copied out, as who reads the file does. */
static void
use(const struct cachefile_head *h, const struct cachefile_parts *parts,
    const uint8_t *data, size_t n)
{
	struct cachefile_about about;
	struct fail f;
	void *copy;

	assert(h->size == n && parts->digest + CACHEFILE_DIGEST == n);
	assert(parts->about + h->n_about <= parts->tokens);
	assert(parts->tokens + 4ull * h->n_tokens <= parts->state);
	assert(parts->state + h->state <= parts->digest);
	read_all(data + parts->tokens, 4ull * h->n_tokens);
	read_all(data + parts->state, (size_t)h->state);
	copy = malloc(h->n_about);
	if (copy == NULL)
		abort();
	memcpy(copy, data + parts->about, h->n_about);
	if (cachefile_read_about(h, copy, &about, &f) == 0) {
		assert(about.chunk > 0 && about.n_prompt <= h->n_tokens);
		read_all(about.model.p, about.model.n);
		read_all(about.engine.p, about.engine.n);
		read_all(about.adapters.p, about.adapters.n);
		read_all(about.turns.p, sizeof(int32_t) * about.turns.n);
	} else {
		assert(f.code == ERR_FILE && f.text[0] != '\0');
	}
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cachefile_head h;
	struct cachefile_parts parts;
	struct fail f;
	size_t some = n < sizeof(h) ? n : sizeof(h);

	if (cachefile_check(data, some, n, &h, &parts, &f) == 0)
		use(&h, &parts, data, n);
	else
		assert(f.code == ERR_FILE && f.text[0] != '\0');
	return 0;
}
