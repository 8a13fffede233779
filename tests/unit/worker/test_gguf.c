/* Our reader of GGUF heads beside ggml's: what one reads the other does, for a
 * model and many thousands of mutants of its head. */
#include "gguf/about.h"
#include "gguf/types.h"

#include "base/buf.h"

#include <ggml.h>
#include <gguf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#define MUTANTS 6000u

static uint8_t *model;
static size_t n_model;

static void
no_log(enum ggml_log_level level, const char *text, void *arg)
{
	(void)level;
	(void)text;
	(void)arg;
}

static int
load(void **state)
{
	const char *path = getenv("BULKHEAD_MODEL");
	FILE *f = fopen(path != NULL ? path : "models/demo/demo.gguf", "rb");
	long n;

	(void)state;
	ggml_log_set(no_log, NULL);
	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) <= 0)
		return -1;
	rewind(f);
	n_model = (size_t)n;
	model = malloc(n_model);
	n_model = model != NULL ? fread(model, 1, n_model, f) : 0;
	(void)fclose(f);
	return n_model == (size_t)n ? 0 : -1;
}

static void
test_types_are_ggmls(void **state)
{
	(void)state;
	for (int i = 0; i < GGML_TYPE_COUNT; i++) {
		enum ggml_type type = (enum ggml_type)i;
		const struct tensor_type *ours = types_find((uint32_t)i);

		if (ggml_type_size(type) == 0) {
			assert_null(ours);
			continue;
		}
		assert_non_null(ours);
		assert_int_equal(ours->block, ggml_blck_size(type));
		assert_int_equal(ours->size, ggml_type_size(type));
		assert_int_equal(
		    strcasecmp(ours->name, ggml_type_name(type)), 0);
	}
	assert_null(types_find(GGML_TYPE_COUNT));
}

static size_t
read_bytes(void *arg, void *p, size_t n, uint64_t from)
{
	const struct str *s = arg;

	if (from >= s->n)
		return 0;
	if (n > s->n - from)
		n = s->n - (size_t)from;
	memcpy(p, s->p + from, n);
	return n;
}

static int
ours(const uint8_t *data, size_t n, struct fail *f)
{
	struct str s = { (const char *)data, n };
	struct gguf *g = NULL;
	struct gguf_value v;
	struct gguf_tensor t;
	int err = gguf_open(read_bytes, &s, n, &g, f);

	while (err == 0)
		err = gguf_key(g, &v, f);
	if (err == ERR_EOF)
		while ((err = gguf_tensor(g, &t, f)) == 0)
			;
	gguf_close(g);
	return err == ERR_EOF ? 0 : err;
}

static bool
theirs(const uint8_t *data, size_t n)
{
	struct gguf_init_params p = { .no_alloc = true };
	struct gguf_context *g = gguf_init_from_buffer(data, n, p);

	gguf_free(g);
	return g != NULL;
}

/* ggml leaves it to llama.cpp to see that the data is there, takes any truth
 * value, and has no ceilings. */
static bool
is_ours_alone(const char *why)
{
	static const char *const words[] = { "truncated or damaged",
		"is the truth value", "; at most 65536", "is no alignment",
		"holds a NUL byte", "a name is empty" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(why, words[i]) != NULL)
			return true;
	return false;
}

static uint64_t
next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void
mutate(uint8_t *data, size_t head, uint64_t *seed)
{
	static const uint64_t hostile[] = { 0, 1, 255, 0x7fffffff, 0xffffffff,
		1ull << 32, 1ull << 60, (1ull << 63) - 1, 1ull << 63,
		UINT64_MAX };
	size_t at = (size_t)(next(seed) % (head - 8));
	uint64_t with =
	    hostile[next(seed) % (sizeof(hostile) / sizeof(hostile[0]))];

	switch (next(seed) % 3) {
	case 0:
		data[at] ^= (uint8_t)(1u << next(seed) % 8);
		break;
	case 1:
		memcpy(data + at, &with, 4);
		break;
	default:
		memcpy(data + at, &with, 8);
		break;
	}
}

static void
test_mutants(void **state)
{
	size_t head = n_model < 40000 ? n_model : 40000;
	uint8_t *copy = malloc(n_model);
	uint64_t seed = 20261127;
	unsigned refused = 0;
	struct fail f;

	(void)state;
	assert_non_null(copy);
	assert_int_equal(ours(model, n_model, &f), 0);
	assert_true(theirs(model, n_model));
	for (unsigned i = 0; i < MUTANTS; i++) {
		bool is_good;

		memcpy(copy, model, head);
		if (i == 0)
			memcpy(copy, model, n_model);
		mutate(copy, i % 2 == 0 ? 400 : head, &seed);
		f.text[0] = '\0';
		is_good = ours(copy, n_model, &f) == 0;
		refused += !is_good;
		if (theirs(copy, n_model) != is_good &&
		    (is_good || !is_ours_alone(f.text)))
			fail_msg("mutant %u: ours: %s", i,
			    is_good ? "good" : f.text);
	}
	printf("%u of %u mutants are refused\n", refused, MUTANTS);
	assert_in_range(refused, MUTANTS / 20, MUTANTS);
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types_are_ggmls),
		cmocka_unit_test(test_mutants),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
