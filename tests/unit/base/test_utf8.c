/* Every sequence of up to three bytes, and all edges of four, against the
 * definition: decode, and see that it is the shortest form of a scalar. */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t
encode(uint32_t c, unsigned char out[4])
{
	if (c < 0x80) {
		out[0] = (unsigned char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (unsigned char)(0xc0 | c >> 6);
		out[1] = (unsigned char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (unsigned char)(0xe0 | c >> 12);
		out[1] = (unsigned char)(0x80 | (c >> 6 & 63));
		out[2] = (unsigned char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (unsigned char)(0xf0 | c >> 18);
	out[1] = (unsigned char)(0x80 | (c >> 12 & 63));
	out[2] = (unsigned char)(0x80 | (c >> 6 & 63));
	out[3] = (unsigned char)(0x80 | (c & 63));
	return 4;
}

/* starts[i] is set for each of 24 bits that begin some character. */
static uint8_t *starts;

static uint32_t
bits_of(const unsigned char *p, size_t n)
{
	uint32_t bits = (uint32_t)n << 24;

	for (size_t i = 0; i < n; i++)
		bits |= (uint32_t)p[i] << (16 - 8 * i);
	return bits;
}

/* All scalars are taken; their proper beginnings are remembered. */
static void
test_every_character(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x110000; c++) {
		unsigned char s[4];
		size_t n = encode(c, s);
		bool scalar = c < 0xd800 || c > 0xdfff;

		if (utf8_next((char *)s, n) != (scalar ? (int)n : 0))
			fail_msg("U+%04X", c);
		for (size_t k = 1; scalar && k < n; k++) {
			if (utf8_next((char *)s, k) != -1)
				fail_msg("U+%04X cut at %zu", c, k);
			starts[bits_of(s, k)] = 1;
		}
	}
}

/* What is said to begin a character does. */
static void
test_every_beginning(void **state)
{
	unsigned char s[3];

	(void)state;
	for (size_t n = 1; n <= 3; n++)
		for (uint32_t i = 0; i < 1u << (8 * n); i++) {
			int r;

			for (size_t k = 0; k < n; k++)
				s[k] = (unsigned char)(i >> (8 * k));
			r = utf8_next((char *)s, n);
			if ((r == -1) != starts[bits_of(s, n)])
				fail_msg("%02x %zu bytes: %d", s[0], n, r);
		}
}

static void
test_valid(void **state)
{
	static const struct {
		const char *s;
		size_t at; /* SIZE_MAX: all of it is valid */
	} cases[] = {
		{ "", SIZE_MAX },
		{ "plain", SIZE_MAX },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", SIZE_MAX },
		{ "ab\xff", 2 },
		{ "ab\xe2\x82", 2 },
		{ "\xe2\x82\xac\x80z", 3 },
		{ "\xed\xa0\x80", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = strlen(cases[i].s), at = 77;
		bool good = cases[i].at == SIZE_MAX;

		assert_int_equal(utf8_valid(cases[i].s, n, &at), good);
		assert_int_equal(at, good ? n : cases[i].at);
		assert_int_equal(utf8_valid(cases[i].s, n, NULL), good);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_character),
		cmocka_unit_test(test_every_beginning),
		cmocka_unit_test(test_valid),
	};
	int failed;

	starts = calloc(4, 1u << 24);
	if (starts == NULL)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(starts);
	return failed;
}
