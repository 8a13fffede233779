/* Every bad parameter is named, with its limit and what was sent. */
#include "worker/knobs.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct gen_submit
good(void)
{
	return (
	    struct gen_submit){ .input = INPUT_TOKENS, .repeat_penalty = 1 };
}

static void
expect_bad(const struct gen_submit *g, const char *field, const char *text)
{
	struct fail why = { 0 };

	assert_int_equal(knobs_check(g, 100, &why), ERR_INVALID);
	assert_int_equal(why.code, ERR_INVALID);
	assert_string_equal(why.field, field);
	assert_non_null(strstr(why.text, text));
}

static void
test_floats(void **state)
{
	struct gen_submit g = good();
	struct fail why = { 0 };

	(void)state;
	assert_int_equal(knobs_check(&g, 100, &why), 0);
	g.temperature = NAN;
	expect_bad(&g, "temperature", "must be a finite number, not nan");
	g = good();
	g.mu = -INFINITY;
	expect_bad(&g, "mu", "-inf");
	g = good();
	g.repeat_penalty = 0;
	expect_bad(&g, "repeat_penalty", "from 1e-06 to 1e+06, not 0");
}

static void
test_numbers(void **state)
{
	struct gen_submit g = good();

	(void)state;
	g.mirostat = 3;
	expect_bad(&g, "mirostat", "from 0 to 2, not 3");
	g = good();
	g.input = 0;
	expect_bad(&g, "input", "not 0");
	g = good();
	g.n_top_logprobs = 21;
	expect_bad(&g, "n_top_logprobs", "20");
	g = good();
	g.repeat_last_n = -2;
	expect_bad(&g, "repeat_last_n", "-2");
}

static void
test_biases(void **state)
{
	struct bias bias[] = { { 0, -INFINITY }, { 99, 5 } };
	struct gen_submit g = good();
	struct fail why = { 0 };

	(void)state;
	g.logit_bias = (struct biases){ bias, 2 };
	assert_int_equal(knobs_check(&g, 100, &why), 0);
	bias[1].token = 100;
	expect_bad(&g, "logit_bias", "[1]: token 100");
	bias[1].token = -1;
	expect_bad(&g, "logit_bias", "[1]: token -1");
	bias[1].token = 1;
	bias[1].bias = NAN;
	expect_bad(&g, "logit_bias", "[1]: bias");
	bias[1].bias = INFINITY;
	expect_bad(&g, "logit_bias", "[1]: bias");
}

static void
test_tokens(void **state)
{
	const int32_t ids[] = { 0, 99, 100, -1 };
	struct fail why = { 0 };

	(void)state;
	assert_int_equal(
	    knobs_check_tokens((struct i32s){ ids, 2 }, 100, "prompt", &why),
	    0);
	assert_int_equal(
	    knobs_check_tokens((struct i32s){ ids, 3 }, 100, "prompt", &why),
	    ERR_INVALID);
	assert_string_equal(why.field, "prompt");
	assert_non_null(strstr(why.text, "prompt[2]: token id 100"));
	assert_non_null(strstr(why.text, "100"));
	assert_int_equal(
	    knobs_check_tokens((struct i32s){ ids + 3, 1 }, 100, "done", &why),
	    ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floats),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_biases),
		cmocka_unit_test(test_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
