/*
 * Conversations of texts that nobody here can tokenize: what is written comes
 * back, and what was cut is found out.
 */
#include "worker/rkllm/memo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct i32s
ints_of(const struct buf *b)
{
	return (struct i32s){ (const int32_t *)(const void *)buf_data(b),
		(uint32_t)(buf_len(b) / sizeof(int32_t)) };
}

static void
test_any_length(void **state)
{
	char text[300];
	struct memo m;
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i % 255 + 1);
	for (size_t n = 0; n < sizeof(text); n++) {
		struct i32s rest;

		buf_init(&b, 1 << 20);
		memo_put(&b, (enum memo_kind)(n % MEMO_KINDS), n % 2 != 0,
		    (struct str){ text, n });
		rest = ints_of(&b);
		for (uint32_t i = 0; i < rest.n; i++)
			assert_true(rest.p[i] >= MEMO_WORDS);
		assert_int_equal(memo_next(&rest, &m), 0);
		assert_non_null(m.text);
		assert_int_equal(strlen(m.text), n);
		assert_memory_equal(m.text, text, n);
		assert_int_equal(m.kind, n % MEMO_KINDS);
		assert_int_equal(m.enable_thinking, n % 2 != 0);
		free(m.text);
		assert_int_equal(memo_next(&rest, &m), ERR_EOF);
		buf_done(&b);
	}
}

static const int32_t answer[] = { 5, 0, 32000, MEMO_WORDS - 1 };

static void
put_turn(struct buf *b, const char *text)
{
	memo_put(b, MEMO_USER, true, str_of(text));
	buf_put(b, answer, sizeof(answer));
}

static void
test_a_conversation(void **state)
{
	static const char *const texts[] = { "Hi", "Grüße, Welt" };
	struct i32s rest;
	struct memo m;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < 2; i++)
		put_turn(&b, texts[i]);
	rest = ints_of(&b);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(memo_next(&rest, &m), 0);
		assert_string_equal(m.text, texts[i]);
		free(m.text);
		assert_int_equal(memo_next(&rest, &m), 0);
		assert_null(m.text);
		assert_int_equal(m.tokens.n, 4);
		assert_memory_equal(m.tokens.p, answer, sizeof(answer));
	}
	assert_int_equal(memo_next(&rest, &m), ERR_EOF);
	buf_done(&b);
}

/* All of it, or an error: never a text that nobody has said. */
static void
check_pieces(struct i32s rest, const char *text)
{
	struct memo m;
	int err;

	while ((err = memo_next(&rest, &m)) == 0) {
		if (m.text == NULL)
			continue;
		assert_string_equal(m.text, text);
		free(m.text);
	}
	assert_true(err == ERR_EOF || err == ERR_INVALID);
}

static void
test_any_cut(void **state)
{
	static const char text[] = "What is the weather like in Paris today?";
	struct i32s all;
	int32_t cut[128];
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	put_turn(&b, text);
	put_turn(&b, text);
	put_turn(&b, text);
	all = ints_of(&b);
	assert_true(all.n <= 128);
	for (uint32_t from = 0; from < all.n; from++)
		for (uint32_t end = from; end <= all.n; end++) {
			uint32_t n = all.n - (end - from);

			memcpy(cut, all.p, from * sizeof(*cut));
			memcpy(cut + from, all.p + end,
			    (all.n - end) * sizeof(*cut));
			check_pieces((struct i32s){ cut, n }, text);
		}
	buf_done(&b);
}

static void
test_any_change(void **state)
{
	static const char text[] = "What is the weather like?";
	struct i32s all;
	int32_t v[64];
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	put_turn(&b, text);
	all = ints_of(&b);
	for (uint32_t i = 0; i < all.n; i++)
		for (unsigned bit = 0; bit < 32; bit++) {
			memcpy(v, all.p, all.n * sizeof(*v));
			v[i] = (int32_t)((uint32_t)v[i] ^ 1u << bit);
			check_pieces((struct i32s){ v, all.n }, text);
		}
	buf_done(&b);
}

static void
test_hashes(void **state)
{
	struct i32s all = { answer, 4 };

	(void)state;
	assert_true(memo_hash(0, all) != 0);
	assert_true(memo_hash(0, all) ==
	    memo_hash(memo_hash(0, (struct i32s){ answer, 2 }),
		(struct i32s){ answer + 2, 2 }));
	assert_true(
	    memo_hash(0, all) != memo_hash(0, (struct i32s){ answer, 3 }));
}

static void
test_images(void **state)
{
	const struct memo_images im = { .n = 2,
		.n_rows = 3,
		.width = 28,
		.height = 14,
		.start = STR("<|a|>"),
		.end = STR(""),
		.mark = STR("7 8|") };
	static const char *const bad[] = { "", "1 2 3", "1 2 3 4 0 0 1|",
		"1 2 3 4 0 0 0|x", "1 2 3 4 99999999 0 0|" };
	struct memo_images got;
	struct i32s rest;
	struct memo m;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	memo_put_images(&b, &im);
	buf_put_i32(&b, -1);
	buf_put_i32(&b, -2);
	buf_put_i32(&b, 5);
	rest = ints_of(&b);
	assert_int_equal(memo_next(&rest, &m), 0);
	assert_int_equal(m.kind, MEMO_IMAGES);
	assert_true(memo_get_images(m.text, &got));
	assert_int_equal(got.n * got.n_rows, 6);
	assert_int_equal(got.width + got.height, 42);
	assert_true(str_eq(got.start, im.start));
	assert_true(str_eq(got.end, im.end));
	assert_true(str_eq(got.mark, im.mark));
	free(m.text);
	/* Rows and tokens are two pieces. */
	assert_int_equal(memo_next(&rest, &m), 0);
	assert_int_equal(m.tokens.n, 2);
	assert_int_equal(memo_next(&rest, &m), 0);
	assert_int_equal(m.tokens.p[0], 5);
	assert_int_equal(memo_next(&rest, &m), ERR_EOF);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(memo_get_images(bad[i], &got));
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_any_length),
		cmocka_unit_test(test_a_conversation),
		cmocka_unit_test(test_images),
		cmocka_unit_test(test_any_cut),
		cmocka_unit_test(test_any_change),
		cmocka_unit_test(test_hashes),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
