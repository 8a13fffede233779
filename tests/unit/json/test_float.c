/* Floats go out as the shortest text that reads back the same. */
#include "json/float.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static float
float_of(uint32_t bits)
{
	float v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static double
double_of(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* Digits of the mantissa: without sign, point, exponent and outer zeros. */
static int
digits_in(const char *s)
{
	int n = 0, zeros = 0;

	for (; *s != '\0' && *s != 'e'; s++) {
		if (*s < '0' || *s > '9')
			continue;
		if (*s == '0') {
			zeros += n > 0;
			continue;
		}
		n += zeros + 1;
		zeros = 0;
	}
	return n;
}

static void
check_f32(uint32_t bits)
{
	float v = float_of(bits);
	char text[JSON_FLOAT_SIZE + 1], fewer[64];
	size_t n = json_f32_text(v, text);
	int digits;

	assert_true(n <= JSON_FLOAT_SIZE);
	text[n] = '\0';
	if (!isfinite(v)) {
		assert_string_equal(text, "null");
		return;
	}
	/* Both ways a reader may go: to float, or to double and then. */
	if (strtof(text, NULL) != v || (float)strtod(text, NULL) != v ||
	    signbit(strtof(text, NULL)) != signbit(v))
		fail_msg("%08x became %s", bits, text);
	digits = digits_in(text);
	if (digits <= 1)
		return;
	(void)snprintf(fewer, sizeof(fewer), "%.*e", digits - 2, (double)v);
	if (strtof(fewer, NULL) == v)
		fail_msg("%s is shorter than %s", fewer, text);
}

static void
check_f64(uint64_t bits)
{
	double v = double_of(bits);
	char text[JSON_FLOAT_SIZE + 1];
	size_t n = json_f64_text(v, text);

	assert_true(n <= JSON_FLOAT_SIZE);
	text[n] = '\0';
	if (!isfinite(v))
		assert_string_equal(text, "null");
	else if (strtod(text, NULL) != v ||
	    signbit(strtod(text, NULL)) != signbit(v))
		fail_msg("%016llx became %s", (unsigned long long)bits, text);
}

static uint64_t
next_random(uint64_t *seed)
{
	/* xorshift64* (Vigna 2014) */
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 2685821657736338717u;
}

/* Each exponent with the mantissas where rounding changes its mind. */
static void
test_f32_every_exponent(void **state)
{
	static const uint32_t mantissas[] = { 0, 1, 2, 3, 0x3fffff, 0x400000,
		0x400001, 0x555555, 0x7ffffd, 0x7ffffe, 0x7fffff };

	(void)state;
	for (uint32_t exponent = 0; exponent < 256; exponent++)
		for (size_t i = 0; i < COUNT(mantissas); i++) {
			uint32_t bits = exponent << 23 | mantissas[i];

			check_f32(bits);
			check_f32(bits | 0x80000000u);
		}
}

static void
test_f32_random_bits(void **state)
{
	uint64_t seed = 88172645463325252u;

	(void)state;
	for (int i = 0; i < 300000; i++)
		check_f32((uint32_t)(next_random(&seed) >> 32));
}

static void
test_f64_bits(void **state)
{
	uint64_t seed = 88172645463325252u;

	(void)state;
	for (int i = 0; i < 200000; i++)
		check_f64(next_random(&seed));
	for (uint64_t exponent = 0; exponent < 2048; exponent++) {
		check_f64(exponent << 52);
		check_f64(exponent << 52 | 1);
		check_f64((exponent << 52) - 1);
	}
}

static void
test_texts(void **state)
{
	static const struct {
		float v;
		const char *text;
	} cases[] = {
		{ 0.0f, "0.0" },
		{ -0.0f, "-0.0" },
		{ 1.0f, "1.0" },
		{ -2.5f, "-2.5" },
		{ 0.1f, "0.1" },
		{ 0.3f, "0.3" },
		{ 16777216.0f, "16777216.0" },
		{ FLT_MAX, "3.4028235e38" },
		{ FLT_MIN, "1.1754944e-38" },
		{ 1.40129846e-45f, "1e-45" },
		{ INFINITY, "null" },
		{ -INFINITY, "null" },
		{ NAN, "null" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[JSON_FLOAT_SIZE + 1];
		size_t n = json_f32_text(cases[i].v, text);

		text[n] = '\0';
		/* Printf writes e+38 where yyjson writes e38. */
		if (strstr(text, "e+") == NULL)
			assert_string_equal(text, cases[i].text);
		else
			assert_true(strtof(text, NULL) == cases[i].v);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_f32_every_exponent),
		cmocka_unit_test(test_f32_random_bits),
		cmocka_unit_test(test_f64_bits),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
