/*
 * A model's file of anybody's. Whatever it holds: numbers that fit together, or
 * one line that says what is wrong.
 */
#include "gguf/about.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct bytes {
	const uint8_t *p;
	size_t n;
};

static size_t
read_bytes(void *arg, void *p, size_t n, uint64_t from)
{
	const struct bytes *b = arg;

	if (from >= b->n)
		return 0;
	if (n > b->n - from)
		n = b->n - (size_t)from;
	memcpy(p, b->p + from, n);
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct bytes b = { data, n };
	static struct gguf_about a;
	struct fail f = { .text = "" };
	struct gguf *g = NULL;
	int err = gguf_open(read_bytes, &b, n, &g, &f);

	if (err == 0)
		err = gguf_about(g, &a, &f);
	assert(err == 0 || err == ERR_LOAD_FAILED || err == ERR_UNSUPPORTED);
	assert((err == 0) == (f.text[0] == '\0'));
	if (err == 0) {
		assert(a.n_bytes <= n && a.n_heads_kv <= GGUF_LAYERS_MAX);
		assert(a.arch[0] != '\0' && gguf_data_at(g) < n + (1u << 30));
	}
	gguf_close(g);
	return 0;
}
