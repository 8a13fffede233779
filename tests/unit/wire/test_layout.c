/* Every struct of the table goes through its packed form and comes back;
 * nothing that is not such a form is taken or read past. */
#include "wire/layout.h"

#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct layout *const layouts[] = {
#define ROW(name, fields) &layout_##name,
	LAYOUTS(ROW)
};

/* A block of exactly n bytes, so that ASan sees a byte too far; malloc
 * aligns it as a frame does. */
static int
unpack(const struct layout *l, void *ret, const uint8_t *p, size_t n,
    void **ret_block)
{
	uint8_t *block = malloc(n);

	assert_non_null(block);
	memcpy(block, p, n);
	*ret_block = block;
	return layout_unpack(l, ret, block, n);
}

static void
check_round_trip(struct sample *s, const struct layout *l, size_t before)
{
	union any_struct back;
	void *block;
	struct buf b;

	sample_make(s, l);
	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < before; i++)
		buf_put_u8(&b, 0xaa);
	layout_pack(l, &s->st, &b);
	assert_int_equal(buf_err(&b), 0);
	memset(&back, 0xa5, sizeof(back));
	assert_int_equal(unpack(l, &back, buf_data(&b) + before,
			     buf_len(&b) - before, &block),
	    0);
	if (sample_differs(l, &s->st, &back) != NULL)
		fail_msg("%s.%s", l->name, sample_differs(l, &s->st, &back));
	free(block);
	buf_done(&b);
}

/* Behind any number of bytes: a frame is packed where the last one ended. */
static void
test_round_trips(void **state)
{
	struct sample s;

	(void)state;
	sample_init(&s, 1, 100);
	for (size_t i = 0; i < COUNT(layouts); i++)
		for (size_t round = 0; round < 200; round++)
			check_round_trip(&s, layouts[i], round % 9);
	sample_done(&s);
}

static void
test_nothing_set(void **state)
{
	static const union any_struct zero;
	union any_struct back;

	(void)state;
	for (size_t i = 0; i < COUNT(layouts); i++) {
		struct buf b;

		buf_init(&b, SIZE_MAX);
		layout_pack(layouts[i], &zero, &b);
		assert_int_equal(buf_err(&b), 0);
		assert_int_equal(
		    layout_unpack(layouts[i], &back, buf_data(&b), buf_len(&b)),
		    0);
		assert_null(sample_differs(layouts[i], &zero, &back));
		buf_done(&b);
	}
}

/* No beginning is the whole, and nothing may follow it. */
static void
test_every_truncation(void **state)
{
	union any_struct back;
	struct sample s;
	struct buf b;
	void *block;

	(void)state;
	sample_init(&s, 2, 60);
	for (size_t i = 0; i < COUNT(layouts); i++) {
		buf_init(&b, SIZE_MAX);
		sample_make(&s, layouts[i]);
		layout_pack(layouts[i], &s.st, &b);
		for (size_t n = 0; n < buf_len(&b); n++) {
			assert_int_equal(
			    unpack(layouts[i], &back, buf_data(&b), n, &block),
			    ERR_PROTO);
			free(block);
		}
		buf_put_u8(&b, 0);
		assert_int_equal(unpack(layouts[i], &back, buf_data(&b),
				     buf_len(&b), &block),
		    ERR_PROTO);
		free(block);
		buf_done(&b);
	}
	sample_done(&s);
}

/* Whatever bytes come: refused, or taken with nothing outside of them. */
static void
test_broken_bytes(void **state)
{
	union any_struct back;
	volatile unsigned sum = 0;
	struct sample s;
	struct buf b;
	void *block;

	(void)state;
	sample_init(&s, 3, 40);
	for (size_t i = 0; i < COUNT(layouts); i++) {
		for (int round = 0; round < 500; round++) {
			buf_init(&b, SIZE_MAX);
			sample_make(&s, layouts[i]);
			layout_pack(layouts[i], &s.st, &b);
			for (uint32_t n = sample_random(&s) % 4 + 1; n > 0; n--)
				b.data[sample_random(&s) % buf_len(&b)] =
				    (uint8_t)sample_random(&s);
			if (unpack(layouts[i], &back, buf_data(&b), buf_len(&b),
				&block) == 0)
				sum += any_touch(layouts[i], &back);
			free(block);
			buf_done(&b);
		}
	}
	sample_done(&s);
}

/* Arrays that are read in place are where their type may be. */
static void
test_arrays_are_aligned(void **state)
{
	static const int32_t ints[] = { 1, 2, 3 };
	static const struct bias bias[] = { { 4, 5.0f } };
	struct gen_submit in = { .tokens = { ints, 3 },
		.done = { ints, 2 },
		.logit_bias = { bias, 1 } };
	struct gen_submit out;

	(void)state;
	for (size_t n = 0; n < 8; n++) {
		struct buf b;

		in.prompt = (struct str){ "1234567", n };
		buf_init(&b, SIZE_MAX);
		layout_pack(&layout_gen_submit, &in, &b);
		assert_int_equal(layout_unpack(&layout_gen_submit, &out,
				     buf_data(&b), buf_len(&b)),
		    0);
		assert_int_equal((uintptr_t)out.tokens.p % 4, 0);
		assert_int_equal((uintptr_t)out.done.p % 4, 0);
		assert_int_equal((uintptr_t)out.logit_bias.p % 4, 0);
		assert_int_equal(out.tokens.p[2], 3);
		assert_true(out.logit_bias.p[0].bias == 5.0f);
		buf_done(&b);
	}
}

static void
test_strs(void **state)
{
	struct buf b;
	struct strs all;
	struct cursor c;
	struct str one;

	(void)state;
	buf_init(&b, 64);
	all = (struct strs){ buf_str(&b) };
	assert_int_equal(strs_count(all), 0);
	strs_put(&b, STR("one"));
	strs_put(&b, STR(""));
	strs_put(&b, STR("three\0"));
	all = (struct strs){ buf_str(&b) };
	assert_int_equal(strs_count(all), 3);
	c = strs_walk(all);
	assert_true(strs_next(&c, &one) && str_is(one, "one"));
	assert_true(strs_next(&c, &one) && str_is(one, ""));
	assert_true(strs_next(&c, &one) && str_eq(one, STR("three\0")));
	assert_false(strs_next(&c, &one));
	/* Broken ones end early; they never come out of layout_unpack(). */
	all.packed.n--;
	assert_int_equal(strs_count(all), 2);
	buf_done(&b);
}

static void
test_ceiling(void **state)
{
	struct worker_failed in = { .text = STR("0123456789") };
	struct buf b;

	(void)state;
	for (size_t max = 0; max < 18; max++) {
		buf_init(&b, max);
		layout_pack(&layout_worker_failed, &in, &b);
		assert_int_equal(buf_err(&b), ERR_TOO_BIG);
		buf_done(&b);
	}
	buf_init(&b, 18);
	layout_pack(&layout_worker_failed, &in, &b);
	assert_int_equal(buf_err(&b), 0);
	buf_done(&b);
}

/* A length that 32 bits do not hold is refused, not cut. */
static void
test_four_gigabytes(void **state)
{
	struct str big = { "x", (size_t)UINT32_MAX + 1 };
	struct worker_failed in = { .text = big };
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	layout_pack(&layout_worker_failed, &in, &b);
	assert_int_equal(buf_err(&b), ERR_TOO_BIG);
	buf_reset(&b);
	strs_put(&b, big);
	assert_int_equal(buf_err(&b), ERR_TOO_BIG);
	buf_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_nothing_set),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_broken_bytes),
		cmocka_unit_test(test_arrays_are_aligned),
		cmocka_unit_test(test_strs),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_four_gigabytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
