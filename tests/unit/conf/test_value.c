/* Texts of single settings: what they mean, and how the bad ones are told. */
#include "conf/value.h"

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct setting
row_of(enum setting_kind kind, double min, double max)
{
	return (struct setting){
		.name = "x", .kind = kind, .min = min, .max = max
	};
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
test_good_numbers(void **state)
{
	static const struct {
		enum setting_kind kind;
		const char *text;
		uint32_t value;
	} rows[] = {
		{ SETTING_COUNT, "0", 0 },
		{ SETTING_COUNT, "4096", 4096 },
		{ SETTING_BYTES, "64K", 65536 },
		{ SETTING_BYTES, "16M", 16777216 },
		{ SETTING_BYTES, "1G", 1073741824 },
		{ SETTING_BYTES, "0.5K", 512 },
		{ SETTING_TIME, "30", 30000 },
		{ SETTING_TIME, "30s", 30000 },
		{ SETTING_TIME, "500ms", 500 },
		{ SETTING_TIME, "1.5s", 1500 },
		{ SETTING_TIME, "2m", 120000 },
		{ SETTING_TIME, "1h", 3600000 },
		{ SETTING_MODE, "0660", 0660 },
		{ SETTING_MODE, "600", 0600 },
		{ SETTING_LEVEL, "debug", LOG_DEBUG },
		{ SETTING_LEVEL, "3", LOG_ERROR },
		{ SETTING_LAYERS, "all", SETTING_ALL },
		{ SETTING_LAYERS, "-1", SETTING_ALL },
		{ SETTING_LAYERS, "12", 12 },
		{ SETTING_THREADS, "-1", 0 },
		{ SETTING_THREADS, "8", 8 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct setting row = row_of(rows[i].kind, 0, 4e9);
		struct fail f = { .text = "" };
		uint32_t v = 77;

		if (value_read(&row, "--x", rows[i].text, &v, &f) != 0)
			fail_msg("%s: %s", rows[i].text, f.text);
		assert_int_equal(v, rows[i].value);
	}
}

static void
test_bad_numbers(void **state)
{
	static const struct {
		enum setting_kind kind;
		const char *text;
		const char *says;
	} rows[] = {
		{ SETTING_COUNT, "0",
		    "--x: must be a whole number, 1 to 100, not \"0\"" },
		{ SETTING_COUNT, "101",
		    "--x: must be a whole number, 1 to 100, not \"101\"" },
		{ SETTING_COUNT, "", "not \"\"" },
		{ SETTING_COUNT, "-5", "not \"-5\"" },
		{ SETTING_COUNT, "1e1", "not \"1e1\"" },
		{ SETTING_COUNT, "0x10", "not \"0x10\"" },
		{ SETTING_COUNT, " 5", "not \" 5\"" },
		{ SETTING_COUNT, "5 ", "not \"5 \"" },
		{ SETTING_COUNT, "1.5", "not \"1.5\"" },
		{ SETTING_COUNT, "1.2.3", "not" },
		{ SETTING_COUNT, "99999999999999999999", "not" },
		{ SETTING_BYTES, "1T", "bytes like 4096, 64K or 16M" },
		{ SETTING_BYTES, "0.3", "not \"0.3\"" },
		{ SETTING_TIME, "1d", "a time like 500ms" },
		{ SETTING_TIME, "s", "not \"s\"" },
		{ SETTING_TIME, "1s", "1ms to 100ms, not \"1s\"" },
		{ SETTING_MODE, "888", "octal permissions" },
		{ SETTING_MODE, "rw", "octal permissions" },
		{ SETTING_LEVEL, "loud", "debug, info, warn or error" },
		{ SETTING_LEVEL, "4", "not \"4\"" },
		{ SETTING_FLAG, "maybe", "must be on or off, not \"maybe\"" },
		{ SETTING_LAYERS, "some", "a whole number, or all" },
		{ SETTING_THREADS, "-2", "not \"-2\"" },
		{ SETTING_REAL, "nan", "must be a number, 1 to 100" },
		{ SETTING_REAL, "1e999", "not \"1e999\"" },
		{ SETTING_REAL, "inf", "not \"inf\"" },
		{ SETTING_REAL, "0x1p3", "not" },
		{ SETTING_REAL, "", "not \"\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct setting row = row_of(rows[i].kind, 1, 100);
		struct fail f = { .text = "" };
		double untouched = 77;

		assert_int_equal(
		    value_read(&row, "--x", rows[i].text, &untouched, &f),
		    ERR_INVALID);
		assert_true(untouched == 77);
		assert_string_equal(f.field, "x");
		if (strstr(f.text, rows[i].says) == NULL)
			fail_msg(
			    "\"%s\" is not in \"%s\"", rows[i].says, f.text);
	}
}

static void
test_flags_and_reals(void **state)
{
	struct setting flag = row_of(SETTING_FLAG, 0, 1);
	struct setting real = row_of(SETTING_REAL, -1, 2);
	struct fail f;
	bool on = false;
	double v = 0;

	(void)state;
	assert_int_equal(value_read(&flag, "x", "yes", &on, &f), 0);
	assert_true(on);
	assert_int_equal(value_read(&flag, "x", "0", &on, &f), 0);
	assert_false(on);
	assert_int_equal(value_read(&real, "x", "-0.25", &v, &f), 0);
	assert_true(v == -0.25);
	assert_int_equal(value_read(&real, "x", "2e0", &v, &f), 0);
	assert_true(v == 2);
}

static void
test_texts(void **state)
{
	struct setting one = row_of(SETTING_STR, 1, 5);
	struct setting many = row_of(SETTING_STRS, 1, 5);
	struct strings list = { NULL, 0 };
	char *text = NULL;
	struct fail f;

	(void)state;
	assert_int_equal(value_read(&one, "--x", "", &text, &f), ERR_INVALID);
	assert_string_equal(f.text, "--x: must not be empty");
	assert_int_equal(
	    value_read(&one, "--x", "123456", &text, &f), ERR_INVALID);
	assert_string_equal(f.text, "--x: must be at most 5 bytes, not 6");
	assert_null(text);
	assert_int_equal(value_read(&one, "--x", "abc", &text, &f), 0);
	assert_string_equal(text, "abc");
	value_free(&one, &text);
	assert_null(text);
	assert_int_equal(value_read(&many, "--x", "a", &list, &f), 0);
	assert_int_equal(value_read(&many, "--x", "b", &list, &f), 0);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.v[1], "b");
	value_free(&many, &list);
	assert_int_equal(list.n, 0);
}

static void
test_ranges(void **state)
{
	static const struct {
		enum setting_kind kind;
		double min, max;
		const char *text;
	} rows[] = {
		{ SETTING_COUNT, 1, 65535, "1 to 65535" },
		{ SETTING_COUNT, 0, 16777216, "0 to 16777216" },
		{ SETTING_BYTES, 1024, 50331648, "1K to 48M" },
		{ SETTING_BYTES, 0, 1000, "0 to 1000" },
		{ SETTING_TIME, 100, 86400000, "100ms to 24h" },
		{ SETTING_TIME, 0, 90000, "0ms to 90s" },
		{ SETTING_MODE, 0, 0777, "0000 to 0777" },
		{ SETTING_REAL, 0, 0.5, "0 to 0.5" },
		{ SETTING_FLAG, 0, 1, "" },
		{ SETTING_STR, 1, 9, "" },
	};
	char text[80];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct setting row =
		    row_of(rows[i].kind, rows[i].min, rows[i].max);

		value_range(&row, text, sizeof(text));
		assert_string_equal(text, rows[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_numbers),
		cmocka_unit_test(test_bad_numbers),
		cmocka_unit_test(test_flags_and_reals),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
