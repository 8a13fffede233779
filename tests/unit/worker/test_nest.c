/* Nesting is counted, what is quoted is not. */
#include "worker/nest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
test_json(void **state)
{
	(void)state;
	assert_int_equal(nest_json(STR("")), 0);
	assert_int_equal(nest_json(STR("{\"a\": [1, [2]], \"b\": {}}")), 3);
	assert_int_equal(nest_json(STR("[\"[[[[\", \"\\\"[[[\"]")), 1);
	assert_int_equal(nest_json(STR("]]]][")), 1);
	assert_int_equal(nest_json(STR("[\"\\")), 1);
}

static void
test_gbnf(void **state)
{
	(void)state;
	assert_int_equal(nest_gbnf(STR("root ::= (a | (b)) # (((")), 2);
	assert_int_equal(nest_gbnf(STR("root ::= \"(((\" [((\\]] (a)")), 1);
}

static void
test_jinja(void **state)
{
	(void)state;
	assert_int_equal(
	    nest_jinja(STR(
		"{%- if a %}{% for b in c %}{{ b }}{% endfor %}{% endif %}")),
	    2);
	assert_int_equal(nest_jinja(STR("{{ f(g(h([1]))) }}")), 6);
	assert_int_equal(
	    nest_jinja(STR("{% if a %}{% endif %}"
			   "{% if(b) %}{% elif c %}{% else %}{% endif %}")),
	    2);
	assert_int_equal(nest_jinja(STR("{%")), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_gbnf),
		cmocka_unit_test(test_jinja),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
