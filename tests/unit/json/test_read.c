/* What json_parse() takes and refuses, and what the accessors say of it. */
#include "json/read.h"

#include "cases.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct text {
	const char *name;
	struct str s;
};

#define TEXT(name, literal) { name, { literal, sizeof(literal) - 1 } },

/* Parses a copy of the exact size, so that ASan sees a byte too far. */
static int
parse(struct str s, const struct json_limits *limits, struct json_doc **ret,
    struct fail *f)
{
	char *copy = malloc(s.n + (s.n == 0));
	int err;

	assert_non_null(copy);
	memcpy(copy, s.p, s.n);
	*ret = NULL;
	err = json_parse(copy, s.n, limits, ret, f);
	free(copy);
	return err;
}

static struct json_doc *
must(const char *text)
{
	struct json_doc *d;
	struct fail f = { 0 };

	if (parse(str_of(text), &json_limits_request, &d, &f) != 0)
		fail_msg("%s: %s", text, f.text);
	return d;
}

static void
test_takes(void **state)
{
	static const struct text texts[] = { Y_CASES(TEXT) };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct json_doc *d;
		struct fail f = { 0 };

		if (parse(texts[i].s, &json_limits_request, &d, &f) != 0)
			fail_msg("y_%s refused: %s", texts[i].name, f.text);
		json_free(d);
	}
}

static void
test_refuses(void **state)
{
	static const struct text texts[] = { N_CASES(TEXT) };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct json_doc *d;
		struct fail f = { 0 };

		if (parse(texts[i].s, &json_limits_request, &d, &f) !=
		    ERR_INVALID)
			fail_msg("n_%s was taken", texts[i].name);
		assert_int_equal(f.code, ERR_INVALID);
		assert_true(strlen(f.text) > 4);
		assert_null(d);
	}
}

/* No beginning of a text is a text, but for numbers. */
static void
test_refuses_every_beginning(void **state)
{
	static const char text[] = "{\"a\":[1,\"x\\u20ac\xe2\x82\xac\",{\"b\":"
				   "null,\"c\":true}],\"d\":-1.5e3}";

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		struct json_doc *d;
		struct str s = { text, n };

		assert_int_equal(
		    parse(s, &json_limits_request, &d, NULL), ERR_INVALID);
	}
	json_free(must(text));
}

static void
test_says_what_and_where(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{ "{\"stop\":1,     \"stop\":2}",
		    "at byte 16: duplicate key \"stop\"" },
		{ "{\"a\":1,\n \"a\":2}",
		    "at byte 10 (line 2, column 2): duplicate key \"a\"" },
		{ "[1e999]", "at byte 2: number past double: 1e999" },
		{ "[\"ab\\u0000c\"]",
		    "at byte 2: \\u0000 in the string \"ab?c\"" },
		{ "[1,]", "at byte 3: " },
		{ "[\n\n\n]]", "at byte 6 (line 4, column 2): " },
		{ "", "no JSON: empty text" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_doc *d;
		struct fail f = { 0 };
		size_t n = strlen(cases[i].says);

		assert_int_equal(
		    parse(str_of(cases[i].text), &json_limits_request, &d, &f),
		    ERR_INVALID);
		f.text[n] = '\0';
		assert_string_equal(f.text, cases[i].says);
	}
}

static char *
repeat(const char *what, size_t n, const char *mid, const char *end)
{
	size_t a = strlen(what), m = strlen(mid), z = strlen(end);
	char *s = malloc(n * (a + z) + m + 1), *p = s;

	assert_non_null(s);
	for (size_t i = 0; i < n; i++, p += a)
		memcpy(p, what, a);
	memcpy(p, mid, m);
	p += m;
	for (size_t i = 0; i < n; i++, p += z)
		memcpy(p, end, z);
	*p = '\0';
	return s;
}

static int
parse_depth(const char *open, size_t n, const char *close, struct fail *f)
{
	char *s = repeat(open, n, "1", close);
	struct json_doc *d;
	int err = parse(str_of(s), &json_limits_request, &d, f);

	json_free(d);
	free(s);
	return err;
}

static void
test_depth(void **state)
{
	struct fail f = { 0 };

	(void)state;
	assert_int_equal(parse_depth("[", 64, "]", &f), 0);
	assert_int_equal(parse_depth("{\"a\":", 64, "}", &f), 0);
	assert_int_equal(parse_depth("[", 65, "]", &f), ERR_TOO_BIG);
	assert_string_equal(f.text, "at byte 65: nested more than 64 deep");
	assert_int_equal(parse_depth("{\"a\":", 65, "}", &f), ERR_TOO_BIG);
	assert_string_equal(f.text, "at byte 321: nested more than 64 deep");
	assert_int_equal(parse_depth("[", 1000000, "]", &f), ERR_TOO_BIG);
	assert_int_equal(parse_depth("[", 1000000, "", &f), ERR_INVALID);
	assert_int_equal(
	    parse_depth("[{\"a\":", 500000, "}]", &f), ERR_TOO_BIG);
}

static void
test_limits(void **state)
{
	struct json_limits limits = { .bytes = 64, .values = 6, .depth = 2 };
	struct json_doc *d;
	struct fail f = { 0 };
	char *long_text = repeat("1,", 1000000, "1", "");

	(void)state;
	assert_int_equal(parse(STR("[1,2,3,4,5]"), &limits, &d, &f), 0);
	json_free(d);
	assert_int_equal(
	    parse(STR("[1,2,3,4,5,6]"), &limits, &d, &f), ERR_TOO_BIG);
	assert_string_equal(f.text, "more than 6 values");
	limits.keys = 2;
	assert_int_equal(
	    parse(STR("[{\"a\":1},{\"a\":1}]"), &limits, &d, &f), ERR_TOO_BIG);
	assert_string_equal(f.text, "more than 6 values");
	limits.values = 7;
	assert_int_equal(
	    parse(STR("[{\"a\":1},{\"a\":1}]"), &limits, &d, &f), 0);
	json_free(d);
	limits.keys = 1;
	assert_int_equal(
	    parse(STR("[{\"a\":1},{\"a\":1}]"), &limits, &d, &f), ERR_TOO_BIG);
	assert_string_equal(f.text, "more than 1 keys");
	limits.bytes = 10;
	assert_int_equal(
	    parse(STR("[1,2,3,4,5]"), &limits, &d, &f), ERR_TOO_BIG);
	assert_string_equal(f.text, "11 bytes of JSON, at most 10 are allowed");
	/* Refused by the bound on memory, long before all are read. */
	limits = (struct json_limits){
		.bytes = 1u << 24, .values = 1000, .depth = 2
	};
	long_text[0] = '[';
	long_text[1] = '1';
	long_text[2000000] = ']';
	long_text[1999999] = '1';
	assert_int_equal(
	    parse(str_of(long_text), &limits, &d, &f), ERR_TOO_BIG);
	assert_string_equal(f.text, "more than 1000 values");
	free(long_text);
}

static void
test_nul_where_allowed(void **state)
{
	struct json_limits limits = json_limits_request;
	struct json_doc *d;
	struct str s;

	(void)state;
	limits.nul = true;
	assert_int_equal(parse(STR("[\"a\\u0000b\"]"), &limits, &d, NULL), 0);
	struct json_iter it = json_iter(json_root(d));
	const struct json_value *v;
	assert_true(json_next(&it, NULL, &v));
	assert_true(json_str(v, &s));
	assert_true(str_eq(s, STR("a\0b")));
	json_free(d);
	/* Keys that differ behind a NUL are two keys. */
	assert_int_equal(
	    parse(STR("{\"a\\u0000b\":1,\"a\\u0000c\":1}"), &limits, &d, NULL),
	    0);
	json_free(d);
	assert_int_equal(
	    parse(STR("{\"a\\u0000b\":1,\"a\\u0000b\":1}"), &limits, &d, NULL),
	    ERR_INVALID);
}

/* An object of n keys; with twin >= 0 that key comes again at the end. */
static struct buf
many_keys(unsigned n, int twin)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_put_u8(&b, '{');
	for (unsigned i = 0; i < n; i++)
		buf_printf(&b, "%s\"key%u\":%u", i > 0 ? "," : "", i, i);
	if (twin >= 0)
		buf_printf(&b, ",\"key%d\":0", twin);
	buf_put_u8(&b, '}');
	assert_int_equal(buf_err(&b), 0);
	return b;
}

static void
test_duplicate_keys_of_any_number(void **state)
{
	static const unsigned sizes[] = { 2, 15, 16, 17, 18, 100, 200000 };

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct json_doc *d;
		struct buf b = many_keys(sizes[i], -1);
		struct fail f = { 0 };
		char says[64];

		assert_int_equal(
		    parse(buf_str(&b), &json_limits_request, &d, NULL), 0);
		assert_int_equal(json_count(json_root(d)), sizes[i]);
		json_free(d);
		buf_done(&b);
		b = many_keys(sizes[i], (int)sizes[i] / 2);
		(void)snprintf(says, sizeof(says), "duplicate key \"key%u\"",
		    sizes[i] / 2);
		assert_int_equal(
		    parse(buf_str(&b), &json_limits_request, &d, &f),
		    ERR_INVALID);
		assert_non_null(strstr(f.text, says));
		buf_done(&b);
	}
}

static const struct json_value *
at(const struct json_doc *d, const char *key)
{
	const struct json_value *v = json_get(json_root(d), key);

	assert_non_null(v);
	return v;
}

static void
test_types(void **state)
{
	struct json_doc *d = must("{\"n\":null,\"b\":true,\"i\":1,\"r\":1.5,"
				  "\"big\":123456789012345678901,"
				  "\"s\":\"x\",\"a\":[1,2],\"o\":{\"p\":0}}");
	static const struct {
		const char *key;
		enum json_type type;
		const char *name;
		size_t count;
	} cases[] = {
		{ "n", JSON_NULL, "null", 0 },
		{ "b", JSON_BOOL, "boolean", 0 },
		{ "i", JSON_NUMBER, "number", 0 },
		{ "r", JSON_NUMBER, "number", 0 },
		{ "big", JSON_NUMBER, "number", 0 },
		{ "s", JSON_STRING, "string", 0 },
		{ "a", JSON_ARRAY, "array", 2 },
		{ "o", JSON_OBJECT, "object", 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct json_value *v = at(d, cases[i].key);

		assert_int_equal(json_type(v), cases[i].type);
		assert_string_equal(
		    json_type_name(json_type(v)), cases[i].name);
		assert_int_equal(json_count(v), cases[i].count);
	}
	assert_null(json_get(json_root(d), "none"));
	assert_null(json_get(at(d, "a"), "n"));
	assert_null(json_get(NULL, "n"));
	assert_int_equal(json_type(NULL), JSON_ABSENT);
	json_free(d);
	json_free(NULL);
}

/* What a number is as int64, uint64 and double; NULL: it is not one. */
static const struct {
	const char *text;
	const char *i64;
	const char *u64;
	double f64;
} numbers[] = {
	{ "0", "0", "0", 0 },
	{ "-0", "0", "0", 0 },
	{ "-0.0", "0", "0", 0 },
	{ "1", "1", "1", 1 },
	{ "-1", "-1", NULL, -1 },
	{ "3.0", "3", "3", 3 },
	{ "3e2", "300", "300", 300 },
	{ "3.5", NULL, NULL, 3.5 },
	{ "-3.0", "-3", NULL, -3 },
	{ "9007199254740993", "9007199254740993", "9007199254740993",
	    9007199254740992.0 },
	{ "9223372036854775807", "9223372036854775807", "9223372036854775807",
	    9223372036854775808.0 },
	{ "9223372036854775808", NULL, "9223372036854775808",
	    9223372036854775808.0 },
	{ "-9223372036854775808", "-9223372036854775808", NULL,
	    -9223372036854775808.0 },
	{ "-9223372036854775809", NULL, NULL, -9223372036854775808.0 },
	{ "18446744073709551615", NULL, "18446744073709551615",
	    18446744073709551616.0 },
	{ "18446744073709551616", NULL, NULL, 18446744073709551616.0 },
	{ "9223372036854775808.0", NULL, "9223372036854775808",
	    9223372036854775808.0 },
	{ "18446744073709551616.0", NULL, NULL, 18446744073709551616.0 },
	{ "1e300", NULL, NULL, 1e300 },
	{ "-1e300", NULL, NULL, -1e300 },
	{ "5e-324", NULL, NULL, 5e-324 },
};

static void
test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		struct json_doc *d = must(numbers[i].text);
		const struct json_value *v = json_root(d);
		int64_t i64 = -77;
		uint64_t u64 = 77;
		double f64 = 77;
		bool b = true;
		struct str s;

		assert_int_equal(json_i64(v, &i64), numbers[i].i64 != NULL);
		assert_true(i64 ==
		    (numbers[i].i64 == NULL
			    ? -77
			    : strtoll(numbers[i].i64, NULL, 10)));
		assert_int_equal(json_u64(v, &u64), numbers[i].u64 != NULL);
		assert_true(u64 ==
		    (numbers[i].u64 == NULL
			    ? 77
			    : strtoull(numbers[i].u64, NULL, 10)));
		assert_true(json_f64(v, &f64));
		assert_true(f64 == numbers[i].f64);
		assert_false(json_bool(v, &b));
		assert_false(json_str(v, &s));
		json_free(d);
	}
}

static void
test_walks_in_order(void **state)
{
	struct json_doc *d = must("{\"b\":[1,[2,3],4],\"a\":{},\"c\":\"x\"}");
	struct json_iter it = json_iter(json_root(d));
	const struct json_value *v;
	struct str key;
	char seen[8] = "";
	int64_t sum = 0, one;

	(void)state;
	while (json_next(&it, &key, &v))
		strncat(seen, key.p, key.n);
	assert_string_equal(seen, "bac");
	assert_false(json_next(&it, &key, &v));
	it = json_iter(at(d, "b"));
	while (json_next(&it, &key, &v)) {
		assert_int_equal(key.n, 0);
		sum = sum * 10 + (json_i64(v, &one) ? one : 0);
	}
	assert_int_equal(sum, 104);
	it = json_iter(at(d, "a"));
	assert_false(json_next(&it, NULL, &v));
	it = json_iter(at(d, "c"));
	assert_false(json_next(&it, NULL, &v));
	it = json_iter(NULL);
	assert_false(json_next(&it, NULL, &v));
	json_free(d);
}

static void
test_shows(void **state)
{
	static const char *const cases[][2] = {
		{ "-5", "-5" },
		{ "1.50", "1.5" },
		{ "18446744073709551615", "18446744073709551615" },
		{ "123456789012345678901234567890",
		    "12345678901234567890123"
		    "4567890" },
		{ "1234567890123456789012345678901",
		    "12345678901234567890123"
		    "4567890..." },
		{ "-1.2345678901234e-300", "-1.2345678901234e-300" },
		{ "\"hot\"", "\"hot\"" },
		{ "\"\"", "\"\"" },
		{ "\"a\\n\\u0007\x7f\"", "\"a???\"" },
		{ "\"123456789012345678901234567890123456\"",
		    "\"123456789012345678901234567890123456\"" },
		{ "\"1234567890123456789012345678901234567\"",
		    "\"1234567890123456789012345678901234567\"" },
		{ "\"12345678901234567890123456789012345678\"",
		    "\"1234567890123456789012345678901234...\"" },
		{ "\"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82"
		  "\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2"
		  "\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\"",
		    "\"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2"
		    "\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82"
		    "\xac\xe2\x82\xac\xe2\x82\xac...\"" },
		{ "true", "true" },
		{ "false", "false" },
		{ "null", "null" },
		{ "[1,2,3]", "an array of 3" },
		{ "{\"a\":1}", "an object" },
	};
	char buf[JSON_SHOW_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_doc *d = must(cases[i][0]);

		assert_string_equal(json_show(json_root(d), buf), cases[i][1]);
		json_free(d);
	}
	assert_string_equal(json_show(NULL, buf), "nothing");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_takes),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_refuses_every_beginning),
		cmocka_unit_test(test_says_what_and_where),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_nul_where_allowed),
		cmocka_unit_test(test_duplicate_keys_of_any_number),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_walks_in_order),
		cmocka_unit_test(test_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
