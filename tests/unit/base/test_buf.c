/* The buffer's ceiling, its sticking error, and typed reads. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
test_strings(void **state)
{
	char *copy;

	(void)state;
	assert_true(str_is(str_of(NULL), ""));
	assert_true(str_eq((struct str){ NULL, 0 }, STR("")));
	assert_false(str_eq(STR("a"), STR("b")));
	assert_false(str_eq(STR("a"), STR("ab")));
	assert_false(str_is(STR("a\0b"), "a"));
	copy = str_dup((struct str){ NULL, 0 });
	assert_string_equal(copy, "");
	free(copy);
	copy = str_dup(STR("a\0b"));
	assert_memory_equal(copy, "a\0b", 4);
	free(copy);
}

static void
test_empty(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	buf_put(&b, NULL, 0);
	buf_put_str(&b, (struct str){ NULL, 0 });
	buf_puts(&b, "");
	buf_printf(&b, "%s", "");
	assert_int_equal(buf_err(&b), 0);
	assert_int_equal(buf_len(&b), 0);
	assert_true(str_eq(buf_str(&b), STR("")));
	buf_consume(&b, 0);
	buf_truncate(&b, 5);
	assert_int_equal(buf_len(&b), 0);
	buf_done(&b);
	buf_done(&b);
	/* Before anything was put there is no memory to point into. */
	buf_init(&b, 9);
	assert_true(str_eq(buf_str(&b), STR("")));
	(void)buf_data(&b);
	buf_done(&b);
}

/* Every length up to the ceiling fits, one more does not, and then nothing
 * does until the reset. */
static void
test_ceiling(void **state)
{
	struct buf b;

	(void)state;
	for (size_t max = 0; max < 600; max += 37) {
		buf_init(&b, max);
		for (size_t i = 0; i < max; i++)
			buf_put_u8(&b, (uint8_t)i);
		assert_int_equal(buf_err(&b), 0);
		buf_put_u8(&b, 0);
		assert_int_equal(buf_err(&b), ERR_TOO_BIG);
		assert_int_equal(buf_len(&b), max);
		buf_put(&b, NULL, 0);
		buf_printf(&b, "x");
		assert_null(buf_reserve(&b, 0));
		assert_int_equal(buf_len(&b), max);
		for (size_t i = 0; i < max; i++)
			assert_int_equal(buf_data(&b)[i], (uint8_t)i);
		buf_reset(&b);
		assert_int_equal(buf_err(&b), 0);
		assert_non_null(buf_reserve(&b, max));
		buf_done(&b);
	}
}

static void
test_absurd_sizes(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	buf_puts(&b, "x");
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_int_equal(buf_err(&b), ERR_TOO_BIG);
	buf_done(&b);
	buf_init(&b, SIZE_MAX);
	buf_puts(&b, "x");
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_int_equal(buf_err(&b), ERR_TOO_BIG);
	buf_reset(&b);
	assert_null(buf_reserve(&b, SIZE_MAX / 2 + 2));
	assert_int_equal(buf_err(&b), ERR_NOMEM);
	buf_done(&b);
}

static void
test_printf_to_the_last_byte(void **state)
{
	struct buf b;

	(void)state;
	for (size_t max = 1; max < 600; max++) {
		buf_init(&b, max);
		buf_printf(&b, "%*d", (int)max, 7);
		assert_int_equal(buf_err(&b), 0);
		assert_int_equal(buf_len(&b), max);
		assert_int_equal(buf_data(&b)[max - 1], '7');
		buf_printf(&b, "8");
		assert_int_equal(buf_err(&b), ERR_TOO_BIG);
		assert_int_equal(buf_len(&b), max);
		buf_done(&b);
	}
}

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Puts and consumes at random; what comes out is what went in. */
static void
test_queue(void **state)
{
	uint32_t seed = 3;
	struct buf b;
	size_t in = 0, out = 0;
	uint8_t bytes[700];

	(void)state;
	buf_init(&b, 5000);
	for (int round = 0; round < 50000; round++) {
		size_t n = next_random(&seed) % sizeof(bytes);

		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)((in + i) * 31);
		if (buf_len(&b) + n <= 5000) {
			buf_put(&b, bytes, n);
			in += n;
		}
		assert_int_equal(buf_err(&b), 0);
		assert_int_equal(buf_len(&b), in - out);
		n = next_random(&seed) % (buf_len(&b) + 1);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(
			    buf_data(&b)[i], (uint8_t)((out + i) * 31));
		buf_consume(&b, n);
		out += n;
	}
	assert_true(b.cap <= 5000);
	buf_done(&b);
}

/* A full buffer that is read and written a few bytes at a time grows rather
 * than move all that it holds for each of them. */
static void
test_full_queue_grows(void **state)
{
	struct buf b;
	size_t moved = 0;

	(void)state;
	buf_init(&b, 1u << 20);
	for (size_t i = 0; i < 65536; i++)
		buf_put_u8(&b, 1);
	for (size_t i = 0; i < 1000; i++) {
		size_t off;

		buf_consume(&b, 1);
		off = b.off;
		buf_put_u8(&b, 1);
		moved += b.off < off;
	}
	assert_true(moved <= 1);
	buf_done(&b);
}

static void
test_truncate_and_trim(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_puts(&b, "abcdef");
	buf_consume(&b, 1);
	buf_truncate(&b, 9);
	buf_truncate(&b, 3);
	assert_true(str_is(buf_str(&b), "bcd"));
	buf_trim(&b);
	assert_int_equal(b.cap, 0);
	assert_int_equal(b.max, 100);
	buf_puts(&b, "x");
	assert_true(str_is(buf_str(&b), "x"));
	buf_done(&b);
}

static void
test_fit_keeps_what_is_held(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	buf_fit(&b);
	for (int i = 0; i < 1000; i++)
		buf_puts(&b, "abcd");
	buf_consume(&b, 3997);
	buf_fit(&b);
	assert_int_equal(b.cap, 3);
	assert_true(str_is(buf_str(&b), "bcd"));
	buf_fit(&b);
	buf_puts(&b, "efg");
	assert_true(str_is(buf_str(&b), "bcdefg"));
	buf_consume(&b, 6);
	buf_fit(&b);
	buf_puts(&b, "x");
	assert_true(str_is(buf_str(&b), "x"));
	buf_done(&b);
}

/* What was lost stays lost, however little memory is kept. */
static void
test_trim_forgets_no_failure(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 2);
	buf_puts(&b, "abc");
	buf_trim(&b);
	assert_int_equal(buf_err(&b), ERR_TOO_BIG);
	buf_reset(&b);
	assert_int_equal(buf_err(&b), 0);
	buf_done(&b);
}

static void
test_typed_reads(void **state)
{
	struct cursor c;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_put_u8(&b, 0xfe);
	buf_put_u16(&b, 0xfedc);
	buf_put_u32(&b, 0xfedcba98u);
	buf_put_u64(&b, 0xfedcba9876543210u);
	buf_put_i32(&b, INT32_MIN);
	buf_put_f32(&b, -1.5f);
	buf_puts(&b, "end");
	c = cursor_of(buf_data(&b), buf_len(&b));
	assert_int_equal(cursor_u8(&c), 0xfe);
	assert_int_equal(cursor_u16(&c), 0xfedc);
	assert_int_equal(cursor_u32(&c), 0xfedcba98u);
	assert_true(cursor_u64(&c) == 0xfedcba9876543210u);
	assert_int_equal(cursor_i32(&c), INT32_MIN);
	assert_true(cursor_f32(&c) == -1.5f);
	assert_int_equal(cursor_left(&c), 3);
	assert_memory_equal(cursor_take(&c, 3), "end", 3);
	assert_int_equal(cursor_left(&c), 0);
	assert_non_null(cursor_take(&c, 0));
	assert_int_equal(c.err, 0);
	buf_done(&b);
}

static void
test_first_bad_read_sticks(void **state)
{
	static const uint8_t three[3] = { 1, 2, 3 };
	struct cursor c = cursor_of(three, sizeof(three));

	(void)state;
	assert_int_equal(cursor_u32(&c), 0);
	assert_int_equal(c.err, ERR_PROTO);
	assert_int_equal(cursor_u8(&c), 0);
	assert_null(cursor_take(&c, 0));
	assert_int_equal(cursor_left(&c), 0);
	c = cursor_of(three, sizeof(three));
	assert_null(cursor_take(&c, SIZE_MAX));
	assert_int_equal(c.err, ERR_PROTO);
	c = cursor_of(NULL, 0);
	assert_int_equal(cursor_left(&c), 0);
	assert_non_null(cursor_take(&c, 0));
	assert_int_equal(c.err, 0);
	assert_int_equal(cursor_u8(&c), 0);
	assert_int_equal(c.err, ERR_PROTO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_absurd_sizes),
		cmocka_unit_test(test_printf_to_the_last_byte),
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_full_queue_grows),
		cmocka_unit_test(test_truncate_and_trim),
		cmocka_unit_test(test_fit_keeps_what_is_held),
		cmocka_unit_test(test_trim_forgets_no_failure),
		cmocka_unit_test(test_typed_reads),
		cmocka_unit_test(test_first_bad_read_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
