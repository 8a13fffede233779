/* Every number has its name and text; texts are cut, never run over. */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
test_names(void **state)
{
#define CHECK(name, number, what)                   \
	assert_int_equal(name, number);             \
	assert_string_equal(err_name(name), #name); \
	assert_string_equal(err_text(name), what);

	(void)state;
	ERR_TABLE(CHECK)
#undef CHECK
	assert_string_equal(err_name(0), "OK");
	for (int code = ERR_LAST + 1; code < 0; code++)
		assert_non_null(err_text(code));
	assert_string_equal(err_name(ERR_LAST), "ERR_?");
	assert_string_equal(err_name(1), "ERR_?");
	assert_string_equal(err_name(INT32_MIN), "ERR_?");
}

static void
test_fail(void **state)
{
	struct fail f;
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(fail_set(NULL, ERR_BUSY, "a", "b"), ERR_BUSY);
	assert_int_equal(fail_set(&f, ERR_BUSY, NULL, "%d", 7), ERR_BUSY);
	assert_int_equal(f.code, ERR_BUSY);
	assert_string_equal(f.field, "");
	assert_string_equal(f.text, "7");
	assert_int_equal(fail_set(&f, ERR_IO, text, "%s", text), ERR_IO);
	assert_int_equal(strlen(f.field), sizeof(f.field) - 1);
	assert_int_equal(strlen(f.text), sizeof(f.text) - 1);
}

static void
test_fail_when(void **state)
{
	char when[FAIL_WHEN];

	(void)state;
	assert_string_equal(fail_when(0, when), "");
	assert_string_equal(fail_when(1, when), "; tried again in 1 s");
	assert_string_equal(fail_when(30001, when), "; tried again in 31 s");
	assert_string_equal(
	    fail_when(UINT32_MAX, when), "; tried again in 4294968 s");
}

/* A fail is often made from itself: "where: " before what it said. */
static void
test_fail_from_itself(void **state)
{
	struct fail f;

	(void)state;
	(void)fail_set(&f, ERR_IO, "stop", "must be short");
	(void)fail_set(&f, ERR_FILE, f.field, "line %d: %s", 3, f.text);
	assert_string_equal(f.field, "stop");
	assert_string_equal(f.text, "line 3: must be short");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_fail),
		cmocka_unit_test(test_fail_when),
		cmocka_unit_test(test_fail_from_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
