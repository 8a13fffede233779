/* Prompt caches as files: what is written is read, and what is hostile is not. */
#include "wire/cachefile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct cachefile_head
some_head(void)
{
	return (struct cachefile_head){
		.n_about = 101, .n_tokens = 33, .n_state = 32, .state = 1003
	};
}

static int
check(const struct cachefile_head *h, uint64_t size, struct fail *f)
{
	struct cachefile_parts parts;
	struct cachefile_head got;

	return cachefile_check(h, sizeof(*h), size, &got, &parts, f);
}

static void
what_is_planned_is_accepted(void **state)
{
	struct cachefile_head h = some_head(), got;
	struct cachefile_parts planned, parts;
	struct fail f;

	(void)state;
	assert_int_equal(cachefile_plan(&h, &planned), 0);
	assert_int_equal(
	    cachefile_check(&h, sizeof(h), h.size, &got, &parts, &f), 0);
	assert_memory_equal(&parts, &planned, sizeof(parts));
	assert_memory_equal(&got, &h, sizeof(h));
	/* In order, apart, and each where it may be read. */
	assert_true(parts.about >= sizeof(h));
	assert_true(parts.tokens >= parts.about + h.n_about);
	assert_true(parts.state >= parts.tokens + 4ull * h.n_tokens);
	assert_true(parts.digest >= parts.state + h.state);
	assert_int_equal(parts.digest + CACHEFILE_DIGEST, h.size);
	assert_int_equal((parts.about | parts.tokens | parts.state) % 8, 0);
}

static void
no_part_may_be_too_long(void **state)
{
	static const struct cachefile_head bad[] = {
		{ .n_about = 0, .n_tokens = 1 },
		{ .n_about = CACHEFILE_ABOUT_MAX + 1, .n_tokens = 1 },
		{ .n_about = 1, .n_tokens = 0 },
		{ .n_about = 1, .n_tokens = CACHEFILE_TOKENS_MAX + 1 },
		{ .n_about = 1, .n_tokens = 5, .n_state = 6, .state = 1 },
		{ .n_about = 1, .n_tokens = 5, .n_state = 5 },
		{ .n_about = 1, .n_tokens = 5, .state = 5 },
		{ .n_about = 1,
		    .n_tokens = 5,
		    .n_state = 5,
		    .state = UINT64_MAX },
		{ .n_about = 1,
		    .n_tokens = 5,
		    .n_state = 5,
		    .state = UINT64_MAX - 7 },
		{ .n_about = UINT32_MAX, .n_tokens = UINT32_MAX },
	};
	struct cachefile_parts parts;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct cachefile_head h = bad[i];
		struct fail f;

		assert_int_equal(cachefile_plan(&h, &parts), ERR_TOO_BIG);
		h.magic = CACHEFILE_MAGIC;
		h.version = CACHEFILE_VERSION;
		for (uint64_t size = 0; size < 4096; size++) {
			h.size = size;
			assert_int_equal(check(&h, size, &f), ERR_FILE);
		}
	}
}

/* Each byte of the header, and each size that the file could have. */
static void
what_is_not_as_it_says_is_refused(void **state)
{
	struct cachefile_head good = some_head();
	struct cachefile_parts parts;
	struct fail f;

	(void)state;
	assert_int_equal(cachefile_plan(&good, &parts), 0);
	for (size_t at = 0; at < sizeof(good); at++) {
		/* The tokens that the state is of are no length. */
		if (at / 4 == offsetof(struct cachefile_head, n_state) / 4)
			continue;
		for (unsigned bit = 0; bit < 8; bit++) {
			struct cachefile_head h = good;

			((uint8_t *)&h)[at] ^= (uint8_t)(1u << bit);
			/* Within the padding it is the same file. */
			if (check(&h, good.size, &f) == 0)
				assert_true(at >= 12 && at < 32);
		}
	}
	for (uint64_t size = 0; size < 2 * good.size; size++)
		if (size != good.size)
			assert_int_equal(check(&good, size, &f), ERR_FILE);
}

static void
words_say_what_is_wrong(void **state)
{
	struct cachefile_head h = some_head(), got;
	struct cachefile_parts parts;
	struct fail f;

	(void)state;
	assert_int_equal(cachefile_plan(&h, &parts), 0);
	assert_int_equal(
	    cachefile_check(&h, sizeof(h) - 1, h.size, &got, &parts, &f),
	    ERR_FILE);
	assert_non_null(strstr(f.text, "is not a prompt cache"));
	assert_int_equal(check(&h, h.size - 1, &f), ERR_FILE);
	assert_non_null(strstr(f.text, "cut short"));
	assert_int_equal(check(&h, h.size + 1, &f), ERR_FILE);
	assert_non_null(strstr(f.text, "lengths"));
	h.version++;
	assert_int_equal(check(&h, h.size, &f), ERR_FILE);
	assert_non_null(strstr(f.text, "another version"));
}

static void
what_it_is_about_must_make_sense(void **state)
{
	static const int32_t turns[] = { 3, 8 }, back[] = { 8, 3 };
	struct cachefile_about good = { .model = STR("m"),
		.chunk = 64,
		.turns = { turns, 2 },
		.n_prompt = 20 };
	struct cachefile_about bad[] = { good, good, good, good }, got;
	struct cachefile_head h = { .n_tokens = 20 };
	struct fail f;
	struct buf b;

	(void)state;
	bad[0].chunk = 0;
	bad[1].n_prompt = 21;
	bad[2].turns.p = back;
	bad[3].n_prompt = 7;
	buf_init(&b, CACHEFILE_ABOUT_MAX);
	layout_pack(&layout_cachefile_about, &good, &b);
	h.n_about = (uint32_t)buf_len(&b);
	assert_int_equal(cachefile_read_about(&h, buf_data(&b), &got, &f), 0);
	assert_true(str_eq(got.model, good.model));
	h.n_about--;
	assert_int_equal(
	    cachefile_read_about(&h, buf_data(&b), &got, &f), ERR_FILE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_reset(&b);
		layout_pack(&layout_cachefile_about, &bad[i], &b);
		h.n_about = (uint32_t)buf_len(&b);
		assert_int_equal(
		    cachefile_read_about(&h, buf_data(&b), &got, &f), ERR_FILE);
	}
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_planned_is_accepted),
		cmocka_unit_test(no_part_may_be_too_long),
		cmocka_unit_test(what_is_not_as_it_says_is_refused),
		cmocka_unit_test(words_say_what_is_wrong),
		cmocka_unit_test(what_it_is_about_must_make_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
