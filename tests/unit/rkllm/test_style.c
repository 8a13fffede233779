/* What is said becomes a prompt, in each of the three styles. */
#include "rkllm/style.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct state {
	struct style s;
	struct buf mem;
};

static int
set_up(void **state)
{
	struct state *t = calloc(1, sizeof(*t));

	style_init(&t->s);
	buf_init(&t->mem, MIB);
	*state = t;
	return 0;
}

static int
tear_down(void **state)
{
	struct state *t = *state;

	style_done(&t->s);
	buf_done(&t->mem);
	free(t);
	return 0;
}

#define assert_str(got, want)                                    \
	do {                                                     \
		if (!str_is(got, want))                          \
			fail_msg("%.*s", (int)(got).n, (got).p); \
	} while (0)

static struct gen_submit
message(struct state *t, const char *role, const char *text)
{
	struct style_said said = { str_of(role), str_of(text), true };
	struct gen_submit g = { 0 };

	buf_reset(&t->mem);
	assert_int_equal(style_message(&t->s, &said, &t->mem, &g), 0);
	return g;
}

static void
test_of_the_model(void **state)
{
	struct gen_submit g = message(*state, "", "He said \"hi\"\n");

	assert_int_equal(g.input, INPUT_CHAT);
	assert_str(g.messages,
	    "[{\"role\":\"user\",\"content\":\"He said \\\"hi\\\"\\n\"}]");
	assert_int_equal(g.enable_thinking, 1);
	assert_int_equal(g.system.n + g.tools.n, 0);
}

static void
test_own(void **state)
{
	struct state *t = *state;
	struct gen_submit g;

	assert_int_equal(
	    style_set_own(&t->s, STR("SYS"), STR("<u>"), STR("</u>")), 0);
	g = message(t, "user", "hi");
	assert_int_equal(g.input, INPUT_PROMPT);
	assert_str(g.system, "SYS");
	assert_str(g.prompt, "<u>hi</u>");
	/* Empty is a template too: nothing around what is said. */
	assert_int_equal(style_set_own(&t->s, STR(""), STR(""), STR("")), 0);
	g = message(t, "user", "hi");
	assert_int_equal(g.input, INPUT_PROMPT);
	assert_str(g.prompt, "hi");
	style_reset(&t->s);
	assert_int_equal(message(t, "", "hi").input, INPUT_CHAT);
}

static void
test_tools(void **state)
{
	struct state *t = *state;
	struct fail why;
	struct gen_submit g;

	assert_int_equal(style_set_tools(&t->s, STR("SYS"),
			     STR(" [ {\"name\":\"a\",\"parameters\":{}} , "
				 "{\"type\":\"function\",\"function\":"
				 "{\"name\":\"b\"}}]"),
			     STR("MARK"), &why),
	    0);
	g = message(t, "tool", "[1]");
	assert_int_equal(g.input, INPUT_CHAT);
	assert_str(g.system, "SYS");
	assert_str(g.messages, "[{\"role\":\"tool\",\"content\":\"[1]\"}]");
	assert_str(g.tools,
	    "[{\"type\":\"function\",\"function\":{\"name\":\"a\","
	    "\"parameters\":{}}},{\"type\":\"function\",\"function\":"
	    "{\"name\":\"b\"}}]");
	assert_int_equal(g.plain_calls, 1);
	assert_str(g.tool_mark, "MARK");
	/* The last one set holds. */
	assert_int_equal(style_set_own(&t->s, STR(""), STR("<"), STR(">")), 0);
	g = message(t, "user", "hi");
	assert_int_equal(g.tools.n + g.plain_calls, 0);
}

static void
test_bad_tools(void **state)
{
	static const char *const bad[] = { "", "{}", "[]", "[1]", "[{}]",
		"[{\"name\":\"\"}]", "[{\"name\":7}]",
		"[{\"name\":\"a\"},{\"function\":{}}]", "[{\"name\":\"a\"}",
		"nonsense" };
	struct state *t = *state;
	struct fail why;

	assert_int_equal(
	    style_set_own(&t->s, STR("SYS"), STR("<u>"), STR("</u>")), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(style_set_tools(&t->s, STR(""), str_of(bad[i]),
				     STR(""), &why),
		    ERR_INVALID);
		assert_string_equal(why.field, "tools");
		/* It is as it was. */
		assert_str(message(t, "", "hi").prompt, "<u>hi</u>");
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_of_the_model),
		TEST(test_own),
		TEST(test_tools),
		TEST(test_bad_tools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
