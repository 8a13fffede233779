#include "front/http/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static void
assert_value(const char *query, const char *name, const char *want)
{
	struct buf b;

	buf_init(&b, 64);
	assert_int_equal(
	    query_get((struct str){ query, strlen(query) }, name, &b),
	    want != NULL);
	assert_true(str_is(buf_str(&b), want != NULL ? want : ""));
	buf_done(&b);
}

static void
finds_values_by_whole_names(void **state)
{
	(void)state;
	assert_value("model=a%2fb+c&x=1", "model", "a/b c");
	assert_value("xmodel=1&models=2&model=3", "model", "3");
	assert_value("model", "model", "");
	assert_value("model=a=b", "model", "a=b");
	assert_value("&&a=1&", "a", "1");
	assert_value("a=%4", "a", "%4");
	assert_value("", "a", NULL);
	assert_value("b=1", "a", NULL);
}

static void
says_no_more_than_was_said(void **state)
{
	(void)state;
	assert_false(query_flag(STR("autoload=false"), "autoload", true));
	assert_false(query_flag(STR("autoload=0"), "autoload", true));
	assert_true(query_flag(STR("autoload=maybe"), "autoload", true));
	assert_true(query_flag(STR("autoload"), "autoload", false));
	assert_false(query_flag(STR("x=1"), "autoload", false));
	assert_false(query_flag(
	    STR("autoload=aaaaaaaaaaaaaaaaaaaaaaaaa"), "autoload", false));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_values_by_whole_names),
		cmocka_unit_test(says_no_more_than_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
