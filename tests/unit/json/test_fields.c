/* Objects into structs, and what is said of each mistake. */
#include "json/fields.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const roles[] = { "user", "assistant", NULL };

struct params {
	bool stream;
	uint8_t lax;
	uint8_t n;
	int32_t top_k;
	uint32_t max_tokens;
	int64_t seed;
	uint64_t id;
	float temperature;
	float any_float;
	double weight;
	struct str user;
	struct str prompt;
	uint8_t role;
	const struct json_value *stop;
	const struct json_value *extra;
	const struct json_value *any;
	uint64_t some;
};

#define AT(member) offsetof(struct params, member)

static const struct json_field fields[] = {
	{ "stream", JSON_TO_BOOL, AT(stream), JSON_NULLABLE, 0, 0, NULL },
	{ "lax", JSON_TO_BOOL, AT(lax), JSON_01, 0, 0, NULL },
	{ "n", JSON_TO_U8, AT(n), JSON_01, 0, 0, NULL },
	{ "top_k", JSON_TO_I32, AT(top_k), 0, -1, 1000, NULL },
	{ "max_tokens", JSON_TO_U32, AT(max_tokens), 0, 1, 1000000, NULL },
	{ "seed", JSON_TO_I64, AT(seed), 0, 0, 0, NULL },
	{ "id", JSON_TO_U64, AT(id), 0, 0, 0, NULL },
	{ "temperature", JSON_TO_F32, AT(temperature), JSON_NULLABLE, 0, 2,
	    NULL },
	{ "any_float", JSON_TO_F32, AT(any_float), 0, 0, 0, NULL },
	{ "weight", JSON_TO_F64, AT(weight), 0, 0.5, 1e9, NULL },
	{ "user", JSON_TO_STR, AT(user), 0, 0, 8, NULL },
	{ "prompt", JSON_TO_STR, AT(prompt), 0, 1, 1e9, NULL },
	{ "role", JSON_TO_WORD, AT(role), 0, 0, 0, roles },
	{ "stop", JSON_TO_ARRAY, AT(stop), 0, 1, 4, NULL },
	{ "extra", JSON_TO_OBJECT, AT(extra), 0, 0, 0, NULL },
	{ "any", JSON_TO_ANY, AT(any), 0, 0, 0, NULL },
	{ "some", JSON_TO_U64, AT(some), 0, 1, 1e300, NULL },
};

static struct json_doc *
must(const char *text)
{
	struct json_doc *d;
	struct fail f = { 0 };

	if (json_parse(text, strlen(text), &json_limits_request, &d, &f) != 0)
		fail_msg("%s: %s", text, f.text);
	return d;
}

static void
test_fills_all_kinds(void **state)
{
	struct json_doc *d =
	    must("{\"any\":null,\"extra\":{\"k\":1},\"stop\":[\"a\"],"
		 "\"role\":\"assistant\",\"user\":\"12345678\",\"weight\":0.5,"
		 "\"any_float\":-1e-3,\"temperature\":2,"
		 "\"id\":18446744073709551615,\"seed\":-9223372036854775808,"
		 "\"max_tokens\":1e3,\"top_k\":-1,\"n\":255,\"lax\":1,"
		 "\"stream\":true,\"prompt\":\"p\",\"some\":1}");
	struct params p = { 0 };
	struct fail f = { 0 };

	(void)state;
	assert_int_equal(
	    json_read_fields(json_root(d), fields, COUNT(fields), NULL, &p, &f),
	    0);
	assert_true(p.stream);
	assert_int_equal(p.lax, 1);
	assert_int_equal(p.n, 255);
	assert_int_equal(p.top_k, -1);
	assert_int_equal(p.max_tokens, 1000);
	assert_true(p.seed == INT64_MIN);
	assert_true(p.id == UINT64_MAX);
	assert_true(p.temperature == 2.0f);
	assert_true(p.any_float == -1e-3f);
	assert_true(p.weight == 0.5);
	assert_true(str_is(p.user, "12345678"));
	assert_true(str_is(p.prompt, "p"));
	assert_int_equal(p.role, 1);
	assert_int_equal(json_count(p.stop), 1);
	assert_non_null(json_get(p.extra, "k"));
	assert_int_equal(json_type(p.any), JSON_NULL);
	json_free(d);
}

static void
test_leaves_the_absent_alone(void **state)
{
	struct json_doc *d = must("{\"temperature\":null,\"stream\":null}");
	struct params p, before;

	(void)state;
	memset(&p, 0xa5, sizeof(p));
	before = p;
	assert_int_equal(json_read_fields(json_root(d), fields, COUNT(fields),
			     NULL, &p, NULL),
	    0);
	assert_memory_equal(&p, &before, sizeof(p));
	json_free(d);
}

/* yyjson 0.10, which Debian 13 has, writes 1e+30 where newer ones write 1e30. */
static void
drop_plus(char *text)
{
	char *at = strstr(text, "e+");

	if (at != NULL)
		memmove(at + 1, at + 2, strlen(at + 2) + 1);
}

static void
test_says_what_is_wrong(void **state)
{
	static const char *const cases[][2] = {
		{ "{\"temperature\":\"hot\"}",
		    "temperature: must be a number from 0 to 2, not \"hot\"" },
		{ "{\"temperature\":2.5}",
		    "temperature: must be a number from 0 to 2, not 2.5" },
		{ "{\"max_tokens\":-5}",
		    "max_tokens: must be a whole number "
		    "from 1 to 1000000, not -5" },
		{ "{\"max_tokens\":0}",
		    "max_tokens: must be a whole number "
		    "from 1 to 1000000, not 0" },
		{ "{\"max_tokens\":1000001}",
		    "max_tokens: must be a whole "
		    "number from 1 to 1000000, not 1000001" },
		{ "{\"max_tokens\":1.5}",
		    "max_tokens: must be a whole number "
		    "from 1 to 1000000, not 1.5" },
		{ "{\"max_tokens\":null}",
		    "max_tokens: must be a whole "
		    "number from 1 to 1000000, not null" },
		{ "{\"max_tokens\":true}",
		    "max_tokens: must be a whole "
		    "number from 1 to 1000000, not true" },
		{ "{\"top_k\":-2}",
		    "top_k: must be a whole number from -1 to 1000, not -2" },
		{ "{\"top_k\":1e30}",
		    "top_k: must be a whole number from -1 to 1000, "
		    "not 1e30" },
		{ "{\"n\":256}",
		    "n: must be a whole number from 0 to 255, not 256" },
		{ "{\"seed\":9223372036854775808}",
		    "seed: must be a whole "
		    "number from -2^63 to 2^63-1, not 9223372036854775808" },
		{ "{\"id\":18446744073709551616}",
		    "id: must be a whole "
		    "number from 0 to 2^64-1, not 18446744073709551616" },
		{ "{\"id\":-1}",
		    "id: must be a whole number from 0 to 2^64-1, not -1" },
		{ "{\"some\":0}",
		    "some: must be a whole number of at least 1, not 0" },
		{ "{\"any_float\":1e39}",
		    "any_float: must be a number that "
		    "float32 can hold, not 1e39" },
		{ "{\"weight\":0.25}",
		    "weight: must be a number from 0.5 to 1000000000, "
		    "not 0.25" },
		{ "{\"stream\":1}", "stream: must be true or false, not 1" },
		{ "{\"stream\":\"true\"}",
		    "stream: must be true or false, not \"true\"" },
		{ "{\"lax\":2}", "lax: must be true or false, not 2" },
		{ "{\"user\":5}",
		    "user: must be a string of at most 8 bytes, not 5" },
		{ "{\"user\":\"123456789\"}",
		    "user: must be a string of at "
		    "most 8 bytes, not 9 bytes" },
		{ "{\"prompt\":\"\"}",
		    "prompt: must be a string of 1 to "
		    "1000000000 bytes, not 0 bytes" },
		{ "{\"role\":\"tool\"}",
		    "role: must be one of \"user\", "
		    "\"assistant\", not \"tool\"" },
		{ "{\"role\":null}",
		    "role: must be one of \"user\", "
		    "\"assistant\", not null" },
		{ "{\"stop\":[]}",
		    "stop: must be an array of 1 to 4 "
		    "elements, not an array of 0" },
		{ "{\"stop\":{\"a\":1}}",
		    "stop: must be an array of 1 to 4 "
		    "elements, not an object" },
		{ "{\"extra\":[]}",
		    "extra: must be an object, not an array of 0" },
		{ "[1]", "must be an object, not an array of 1" },
		{ "null", "must be an object, not null" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_doc *d = must(cases[i][0]);
		struct params p = { 0 };
		struct fail f = { 0 };
		size_t n = strcspn(cases[i][1], ":");

		assert_int_equal(json_read_fields(json_root(d), fields,
				     COUNT(fields), NULL, &p, &f),
		    ERR_INVALID);
		drop_plus(f.text);
		assert_string_equal(f.text, cases[i][1]);
		if (cases[i][1][n] == ':')
			assert_memory_equal(f.field, cases[i][1], n);
		json_free(d);
	}
}

/* The limits of every whole kind, to the last unit. */
static void
test_edges(void **state)
{
	static const struct {
		enum json_kind kind;
		const char *text;
		bool ok;
		uint64_t bits;
	} cases[] = {
		{ JSON_TO_U8, "255", true, 255 },
		{ JSON_TO_U8, "-1", false, 0 },
		{ JSON_TO_I32, "2147483647", true, 2147483647 },
		{ JSON_TO_I32, "2147483648", false, 0 },
		{ JSON_TO_I32, "-2147483648", true, 0x80000000u },
		{ JSON_TO_I32, "-2147483649", false, 0 },
		{ JSON_TO_U32, "4294967295", true, UINT32_MAX },
		{ JSON_TO_U32, "4294967296", false, 0 },
		{ JSON_TO_U32, "4294967295.5", false, 0 },
		{ JSON_TO_I64, "9223372036854775807", true, INT64_MAX },
		{ JSON_TO_I64, "9223372036854775808", false, 0 },
		{ JSON_TO_I64, "9223372036854775808.0", false, 0 },
		{ JSON_TO_I64, "18446744073709551615", false, 0 },
		{ JSON_TO_I64, "-1", true, UINT64_MAX },
		{ JSON_TO_U64, "9223372036854775808", true, (uint64_t)1 << 63 },
		{ JSON_TO_U64, "18446744073709551615", true, UINT64_MAX },
		{ JSON_TO_U64, "18446744073709551616.0", false, 0 },
		{ JSON_TO_U64, "-0", true, 0 },
		{ JSON_TO_U64, "true", true, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_field field = {
			.name = "x", .kind = cases[i].kind, .flags = JSON_01
		};
		struct json_doc *d = must(cases[i].text);
		uint64_t at = 0;
		int err =
		    json_read_field(json_root(d), &field, NULL, &at, NULL);

		assert_int_equal(err, cases[i].ok ? 0 : ERR_INVALID);
		assert_true(at == cases[i].bits);
		json_free(d);
	}
}

static void
test_required(void **state)
{
	static const struct json_field need[] = {
		{ .name = "model",
		    .kind = JSON_TO_STR,
		    .flags = JSON_REQUIRED },
	};
	struct json_doc *d = must("{\"modem\":1}");
	struct str model = { NULL, 0 };
	struct fail f;

	(void)state;
	assert_int_equal(
	    json_read_fields(json_root(d), need, 1, NULL, &model, &f),
	    ERR_INVALID);
	assert_string_equal(f.text, "model: is required");
	assert_string_equal(f.field, "model");
	json_free(d);
}

struct seen {
	unsigned n;
	char last[64];
};

static void
on_unknown(void *arg, const char *name)
{
	struct seen *s = arg;

	s->n++;
	(void)strncpy(s->last, name, sizeof(s->last) - 1);
}

static void
test_unknown_and_prefix(void **state)
{
	struct seen seen = { 0 };
	struct json_how how = { "extend_param.", on_unknown, &seen };
	struct json_doc *d = must("{\"what\":1,\"n\":3,\"\":2,\"n_batch\":4,"
				  "\"top_k\":\"x\"}");
	struct params p = { 0 };
	struct fail f;

	(void)state;
	assert_int_equal(
	    json_read_fields(json_root(d), fields, COUNT(fields), &how, &p, &f),
	    ERR_INVALID);
	assert_int_equal(p.n, 3);
	assert_int_equal(seen.n, 3);
	assert_string_equal(seen.last, "extend_param.n_batch");
	assert_string_equal(f.field, "extend_param.top_k");
	assert_string_equal(f.text,
	    "extend_param.top_k: must be a whole "
	    "number from -1 to 1000, not \"x\"");
	assert_int_equal(json_read_fields(json_get(json_root(d), "n"), fields,
			     COUNT(fields), &how, &p, &f),
	    ERR_INVALID);
	assert_string_equal(f.text, "extend_param: must be an object, not 3");
	json_free(d);
}

/* A key that goes on behind a NUL is not the field it begins like. */
static void
test_key_with_nul(void **state)
{
	static const char text[] = "{\"n\\u0000max_tokens\":7}";
	struct json_limits limits = json_limits_request;
	struct json_how how = { NULL, on_unknown, NULL };
	struct seen seen = { 0 };
	struct params p = { 0 };
	struct json_doc *d;

	(void)state;
	limits.nul = true;
	how.arg = &seen;
	assert_int_equal(
	    json_parse(text, sizeof(text) - 1, &limits, &d, NULL), 0);
	assert_int_equal(json_read_fields(json_root(d), fields, COUNT(fields),
			     &how, &p, NULL),
	    0);
	assert_int_equal(p.n, 0);
	assert_int_equal(seen.n, 1);
	json_free(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fills_all_kinds),
		cmocka_unit_test(test_leaves_the_absent_alone),
		cmocka_unit_test(test_says_what_is_wrong),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_required),
		cmocka_unit_test(test_unknown_and_prefix),
		cmocka_unit_test(test_key_with_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
