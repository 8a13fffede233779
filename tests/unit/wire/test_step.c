/* A step's tokens go through their packed form; a cut is found. */
#include "wire/step.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct step steps[] = {
	{ .gen = 1, .token = 412, .text = STR(" Once") },
	{ .gen = UINT64_MAX, .token = INT32_MIN, .flags = STEP_HELD },
	{ .gen = 3,
	    .token = 7,
	    .flags = STEP_MU,
	    .text = STR("\n"),
	    .mu = 5.25f },
	{ .gen = 4,
	    .token = 8,
	    .flags = STEP_MU | STEP_LOGPROBS,
	    .text = STR("\xe2\x82\xac"),
	    .mu = -0.0f,
	    .logprob = -1.5f,
	    .piece = STR("\xac"),
	    .n_tops = 2,
	    .tops = STR("not walked") },
	{ .gen = 5, .token = 9, .flags = STEP_LOGPROBS },
	{ .gen = 6,
	    .token = 10,
	    .flags = STEP_MU | STEP_HASH | STEP_LOGPROBS,
	    .mu = 1.0f,
	    .hash = 0x0123456789abcdefu },
};

#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

static void
check_same(const struct step *a, const struct step *b)
{
	assert_true(a->gen == b->gen);
	assert_int_equal(a->token, b->token);
	assert_int_equal(a->flags, b->flags);
	assert_true(str_eq(a->text, b->text));
	assert_memory_equal(&a->mu, &b->mu, sizeof(a->mu));
	assert_true(a->hash == b->hash);
	assert_memory_equal(&a->logprob, &b->logprob, sizeof(a->logprob));
	assert_true(str_eq(a->piece, b->piece));
	assert_int_equal(a->n_tops, b->n_tops);
	assert_true(str_eq(a->tops, b->tops));
}

static void
test_round_trip(void **state)
{
	struct cursor c;
	struct step s;
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < N_STEPS; i++)
		step_put(&b, &steps[i]);
	assert_int_equal(buf_err(&b), 0);
	c = cursor_of(buf_data(&b), buf_len(&b));
	for (size_t i = 0; i < N_STEPS; i++) {
		assert_true(step_next(&c, &s));
		check_same(&steps[i], &s);
	}
	assert_false(step_next(&c, &s));
	assert_int_equal(c.err, 0);
	buf_done(&b);
}

/* Cut anywhere: the whole ones come out, then the error unless the cut was
 * between two. */
static void
test_every_truncation(void **state)
{
	size_t ends[N_STEPS + 1] = { 0 };
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < N_STEPS; i++) {
		step_put(&b, &steps[i]);
		ends[i + 1] = buf_len(&b);
	}
	for (size_t n = 0, whole = 0; n < buf_len(&b); n++) {
		uint8_t *copy = malloc(n + (n == 0));
		struct cursor c;
		struct step s;
		size_t seen = 0;

		assert_non_null(copy);
		memcpy(copy, buf_data(&b), n);
		if (n == ends[whole + 1])
			whole++;
		for (c = cursor_of(copy, n); step_next(&c, &s); seen++)
			check_same(&steps[seen], &s);
		assert_int_equal(seen, whole);
		assert_int_equal(c.err, n == ends[whole] ? 0 : ERR_PROTO);
		free(copy);
	}
	buf_done(&b);
}

static void
test_tops(void **state)
{
	static const struct step_top tops[] = {
		{ 1, -0.25f, STR(" a") },
		{ -1, 0.0f, STR("") },
		{ 3, -9.0f, STR("\xff\0") },
	};
	struct step_top t;
	struct cursor c;
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < 3; i++)
		step_top_put(&b, &tops[i]);
	c = cursor_of(buf_data(&b), buf_len(&b));
	for (size_t i = 0; i < 3; i++) {
		assert_true(step_top_next(&c, &t));
		assert_int_equal(t.token, tops[i].token);
		assert_true(t.logprob == tops[i].logprob);
		assert_true(str_eq(t.piece, tops[i].piece));
	}
	assert_false(step_top_next(&c, &t));
	assert_int_equal(c.err, 0);
	c = cursor_of(buf_data(&b), buf_len(&b) - 1);
	assert_true(step_top_next(&c, &t));
	assert_true(step_top_next(&c, &t));
	assert_false(step_top_next(&c, &t));
	assert_int_equal(c.err, ERR_PROTO);
	buf_done(&b);
}

/* What the length before a string can not say is refused, not cut. */
static void
test_too_long(void **state)
{
	static char piece[UINT16_MAX + 1];
	struct step s = { .flags = STEP_LOGPROBS };
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	s.piece = (struct str){ piece, UINT16_MAX };
	step_put(&b, &s);
	assert_int_equal(buf_err(&b), 0);
	s.piece.n++;
	step_put(&b, &s);
	assert_int_equal(buf_err(&b), ERR_TOO_BIG);
	buf_reset(&b);
	s.piece.n = 0;
	s.text = (struct str){ piece, (size_t)UINT32_MAX + 1 };
	step_put(&b, &s);
	assert_int_equal(buf_err(&b), ERR_TOO_BIG);
	buf_reset(&b);
	s.tops = s.text;
	s.text.n = 0;
	step_put(&b, &s);
	assert_int_equal(buf_err(&b), ERR_TOO_BIG);
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_tops),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
