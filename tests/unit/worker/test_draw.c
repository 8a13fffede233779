/* Draws are part of what a resume depends on: fixed values, even spread. */
#include "worker/draw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* From an implementation of its own, in Python's integers. */
static void
test_known_values(void **state)
{
	(void)state;
	assert_true(draw_unit(0, 0, DRAW_TOKEN) == 0x1.1c13ade1c7e5cp-3);
	assert_true(draw_unit(42, 0, DRAW_TOKEN) == 0x1.8c42fc136081ep-2);
	assert_true(draw_unit(42, 1, DRAW_TOKEN) == 0x1.1484cab5faac0p-5);
	assert_true(draw_unit(42, 0, DRAW_XTC) == 0x1.d7b6e42d49ffdp-1);
	assert_true(draw_unit(UINT64_MAX, UINT64_MAX - 1, DRAW_TOKEN) ==
	    0x1.ed6807b689363p-1);
	assert_true(draw_unit(1, 100000, DRAW_XTC) == 0x1.ca0eb44ccfe0ep-2);
}

static void
test_range_and_spread(void **state)
{
	enum { BINS = 64, DRAWS = 64000 };
	unsigned bins[BINS] = { 0 };
	double chi = 0;

	(void)state;
	for (uint64_t i = 0; i < DRAWS; i++) {
		double u = draw_unit(i % 7, i, DRAW_TOKEN);

		assert_true(u >= 0 && u < 1);
		bins[(int)(u * BINS)]++;
	}
	for (int i = 0; i < BINS; i++) {
		double d = bins[i] - (double)DRAWS / BINS;

		chi += d * d / ((double)DRAWS / BINS);
	}
	/* 63 degrees of freedom: over 120 once in 20,000 tries. */
	assert_true(chi < 120);
}

/* Neighbours in seed, position and purpose have nothing in common. */
static void
test_neighbours(void **state)
{
	double same = 0;

	(void)state;
	for (uint64_t i = 0; i < 20000; i++) {
		double a = draw_unit(i, 5, DRAW_TOKEN) - 0.5;

		same += a * (draw_unit(i + 1, 5, DRAW_TOKEN) - 0.5);
		same += a * (draw_unit(i, 6, DRAW_TOKEN) - 0.5);
		same += a * (draw_unit(i, 5, DRAW_XTC) - 0.5);
	}
	/* The covariance; its deviation is 1 / 12 / sqrt(60000). */
	assert_true(fabs(same / 60000) < 6 * 0.00035);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_values),
		cmocka_unit_test(test_range_and_spread),
		cmocka_unit_test(test_neighbours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
