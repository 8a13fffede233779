/* What is written is JSON, and reads back as what it was. */
#include "json/write.h"

#include "json/read.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
is(struct buf *b, const char *want)
{
	assert_int_equal(buf_err(b), 0);
	if (!str_is(buf_str(b), want))
		fail_msg("%.*s is not %s", (int)buf_len(b),
		    (const char *)buf_data(b), want);
	buf_reset(b);
}

static void
test_escapes(void **state)
{
	struct buf b;
	char c[2] = "";

	(void)state;
	buf_init(&b, 1u << 20);
	json_put_str(&b, STR("a\"b\\c/d\b\f\n\r\t\x01\x1f\x7f"));
	is(&b, "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
	json_put_str(&b, STR("\0"));
	is(&b, "\"\\u0000\"");
	json_put_str(&b, (struct str){ NULL, 0 });
	is(&b, "\"\"");
	json_put_escaped(&b, STR("plain, longer than eight bytes"));
	is(&b, "plain, longer than eight bytes");
	json_put_cstr(&b, NULL);
	is(&b, "null");
	json_put_cstr(&b, "x");
	is(&b, "\"x\"");
	for (int i = 0x20; i < 0x80; i++) {
		c[0] = (char)i;
		json_put_escaped(&b, STR(""));
		json_put_escaped(&b, str_of(c));
		assert_int_equal(buf_len(&b), i == '"' || i == '\\' ? 2 : 1);
		buf_reset(&b);
	}
	buf_done(&b);
}

#define BAD "\xef\xbf\xbd"

/* One U+FFFD for each maximal part of a broken character, as WHATWG's
 * decoder and Python's do it. */
static void
test_mends_utf8(void **state)
{
	static const char *const cases[][2] = {
		{ "\xff", BAD },
		{ "\x80", BAD },
		{ "a\xc3", "a" BAD },
		{ "\xc3"
		  "a",
		    BAD "a" },
		{ "\xe2\x82"
		  "a",
		    BAD "a" },
		{ "\xe2\x82", BAD },
		{ "\xf0\x9f\x98"
		  "a",
		    BAD "a" },
		{ "\xf0\x9f\x98", BAD },
		{ "\xf0\x9f\x98\"", BAD "\\\"" },
		{ "\xe2\x82\xe2\x82\xac", BAD "\xe2\x82\xac" },
		{ "\xc0\xaf", BAD BAD },
		{ "\xe0\x80\xaf", BAD BAD BAD },
		{ "\xed\xa0\x80", BAD BAD BAD },
		{ "\xf4\x90\x80\x80", BAD BAD BAD BAD },
		{ "\xf8\x88\x80\x80\x80", BAD BAD BAD BAD BAD },
		{ "\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9",
		    "\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 1u << 20);
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_put_escaped(&b, str_of(cases[i][0]));
		is(&b, cases[i][1]);
	}
	buf_done(&b);
}

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Any bytes become a JSON string; valid UTF-8 becomes itself. Blocks of the
 * exact size, at every alignment, so that ASan sees a byte too far. */
static void
test_random_bytes(void **state)
{
	static const char *const parts[] = { "a", "bcdefgh ", "\"", "\\", "\n",
		"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x01", "\xff",
		"\xe2\x82" };
	struct json_limits limits = json_limits_request;
	uint32_t seed = 7;
	struct buf in, out;

	(void)state;
	limits.nul = true;
	buf_init(&in, 1u << 20);
	buf_init(&out, 1u << 20);
	for (int round = 0; round < 20000; round++) {
		size_t valid = COUNT(parts) - 2 * (size_t)(round % 2);
		struct json_doc *d;
		struct str s;
		char *copy;

		for (uint32_t n = next_random(&seed) % 24; n > 0; n--)
			buf_puts(&in, parts[next_random(&seed) % valid]);
		copy = str_dup(buf_str(&in));
		json_put_str(&out, (struct str){ copy, buf_len(&in) });
		free(copy);
		assert_int_equal(json_parse((const char *)buf_data(&out),
				     buf_len(&out), &limits, &d, NULL),
		    0);
		assert_true(json_str(json_root(d), &s));
		if (round % 2)
			assert_true(str_eq(s, buf_str(&in)));
		json_free(d);
		buf_reset(&in);
		buf_reset(&out);
	}
	buf_done(&in);
	buf_done(&out);
}

static void
test_numbers(void **state)
{
	static const float floats[] = { 1, -0.5f, NAN, 0.25f };
	struct buf b;

	(void)state;
	buf_init(&b, 1u << 20);
	json_put_u64(&b, 0);
	is(&b, "0");
	json_put_u64(&b, UINT64_MAX);
	is(&b, "18446744073709551615");
	json_put_i64(&b, INT64_MIN);
	is(&b, "-9223372036854775808");
	json_put_i64(&b, INT64_MAX);
	is(&b, "9223372036854775807");
	json_put_i64(&b, -1);
	is(&b, "-1");
	json_put_bool(&b, true);
	json_put_bool(&b, false);
	is(&b, "truefalse");
	json_put_f32(&b, 0.1f);
	is(&b, "0.1");
	json_put_f64(&b, 0.1);
	is(&b, "0.1");
	json_put_f64(&b, -INFINITY);
	is(&b, "null");
	json_put_f32s(&b, floats, COUNT(floats));
	is(&b, "[1.0,-0.5,null,0.25]");
	json_put_f32s(&b, NULL, 0);
	is(&b, "[]");
	buf_done(&b);
}

static void
test_commas(void **state)
{
	struct buf b;
	struct json_out o;

	(void)state;
	buf_init(&b, 1u << 20);
	o = json_out(&b);
	json_open(&o, '{');
	json_key(&o, "empty");
	json_open(&o, '[');
	json_close(&o, ']');
	json_key(&o, "list");
	json_open(&o, '[');
	for (uint64_t i = 1; i < 4; i++) {
		json_item(&o);
		json_put_u64(&b, i);
	}
	json_item(&o);
	json_open(&o, '{');
	json_key_i64(&o, "i", -1);
	json_close(&o, '}');
	json_close(&o, ']');
	json_key_str(&o, "s", STR("\""));
	json_key_cstr(&o, "c", "x");
	json_key_cstr(&o, "none", NULL);
	json_key_bool(&o, "t", true);
	json_key_u64(&o, "u", 7);
	json_key_f32(&o, "f", 0.5f);
	json_key_f64(&o, "d", 2);
	json_key_null(&o, "n");
	json_key_raw(&o, "r", STR("{}"));
	json_close(&o, '}');
	is(&b,
	    "{\"empty\":[],\"list\":[1,2,3,{\"i\":-1}],\"s\":\"\\\"\","
	    "\"c\":\"x\",\"none\":null,\"t\":true,\"u\":7,\"f\":0.5,"
	    "\"d\":2.0,\"n\":null,\"r\":{}}");
	buf_done(&b);
}

static void
test_values_come_back(void **state)
{
	static const char *const cases[][2] = {
		{ " { \"b\" : [ ] , \"a\" : { } } ", "{\"b\":[],\"a\":{}}" },
		{ "[1,-2,9007199254740993,123456789012345678901234567890]",
		    "[1,-2,9007199254740993,123456789012345678901234567890]" },
		{ "[1.50,1e2,-0.0]", "[1.5,100.0,-0.0]" },
		{ "[null,true,false,\"\\u0041\\u00e9\\n\"]",
		    "[null,true,false,\"A\xc3\xa9\\n\"]" },
		{ "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"" },
		{ "{\"k\\\"\":{\"x\":[[1],[2,3]]}}",
		    "{\"k\\\"\":{\"x\":[[1],[2,3]]}}" },
		{ "18446744073709551616", "18446744073709551616" },
		{ "-18446744073709551616", "-18446744073709551616" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 1u << 20);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_doc *d;

		assert_int_equal(json_parse(cases[i][0], strlen(cases[i][0]),
				     &json_limits_request, &d, NULL),
		    0);
		json_put_value(&b, json_root(d));
		json_free(d);
		is(&b, cases[i][1]);
	}
	json_put_value(&b, NULL);
	is(&b, "null");
	buf_done(&b);
}

/* At the ceiling the buf refuses, and nothing is written past it. */
static void
test_ceiling(void **state)
{
	struct buf b;

	(void)state;
	for (size_t max = 0; max < 16; max++) {
		buf_init(&b, max);
		json_put_str(&b, STR("abc\ndef\xff"));
		assert_int_equal(buf_err(&b), max < 13 ? ERR_TOO_BIG : 0);
		assert_true(buf_len(&b) <= max);
		buf_done(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_mends_utf8),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_commas),
		cmocka_unit_test(test_values_come_back),
		cmocka_unit_test(test_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
