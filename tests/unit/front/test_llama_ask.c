/* llama-server's own bodies: prompts in every form, samplers by name, fields of
 * an answer, and base64. */
#include "front/http/askprompt.h"
#include "front/http/base64.h"
#include "front/http/llama_own.h"
#include "front/http/promptin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ask_world.h"

static struct json_doc *
parse(const char *text)
{
	struct json_doc *doc = NULL;

	assert_int_equal(
	    json_parse(text, strlen(text), &json_limits_request, &doc, NULL),
	    0);
	return doc;
}

/* 0, and what the record has, as text: "t:..." "i:1,2" by turns. */
static int
prompt_of(const char *json, char *ret, size_t n, struct fail *why)
{
	struct json_doc *doc = parse(json);
	struct gen_submit g = { 0 };
	struct promptin in;
	struct cursor c;
	struct str part;
	size_t at = 0;
	int err;

	promptin_init(&in);
	err = promptin_read(&in, json_root(doc), "prompt", &g, why);
	ret[0] = '\0';
	if (err == 0 && g.input == INPUT_PROMPT)
		(void)snprintf(ret, n, "%.*s", (int)g.prompt.n, g.prompt.p);
	for (uint32_t i = 0; g.input == INPUT_TOKENS && i < g.tokens.n; i++)
		at += (size_t)snprintf(ret + at, n - at, "%d ", g.tokens.p[i]);
	c = strs_walk(g.parts);
	while (g.input == INPUT_MIXED && strs_next(&c, &part)) {
		int32_t id;

		if (part.p[0] == PART_TEXT)
			at += (size_t)snprintf(ret + at, n - at, "[%.*s]",
			    (int)part.n - 1, part.p + 1);
		for (size_t k = 1; part.p[0] == PART_IDS && k < part.n;
		     k += sizeof(id)) {
			memcpy(&id, part.p + k, sizeof(id));
			at += (size_t)snprintf(ret + at, n - at, "%d ", id);
		}
	}
	promptin_done(&in);
	json_free(doc);
	return err;
}

static const struct {
	const char *json;
	const char *want; /* NULL: refused */
	int err;
} prompts[] = {
	{ "\"hi\"", "hi", 0 },
	{ "\"\"", "", 0 },
	{ "[1, 2, 3]", "1 2 3 ", 0 },
	{ "[]", "", 0 },
	{ "[1, \"a\", \"b\", 2, 3]", "1 [a][b]2 3 ", 0 },
	{ "[\"a\", 7]", "[a]7 ", 0 },
	{ "{\"prompt_string\": \"x\"}", "x", 0 },
	{ "{\"prompt_string\": [4, \"x\"], \"multimodal_data\": []}", "4 [x]",
	    0 },
	{ "[2147483647]", "2147483647 ", 0 },
	{ "[2147483648]", NULL, ERR_INVALID },
	{ "[-1]", NULL, ERR_INVALID },
	{ "[1.5]", NULL, ERR_INVALID },
	{ "[true]", NULL, ERR_INVALID },
	{ "[[1]]", NULL, ERR_INVALID },
	{ "5", NULL, ERR_INVALID },
	{ "null", NULL, ERR_INVALID },
	{ "{}", NULL, ERR_INVALID },
	{ "{\"prompt_string\": {\"prompt_string\": \"x\"}}", NULL,
	    ERR_INVALID },
	{ "{\"prompt_string\": \"x\", \"multimodal_data\": [\"AA==\"]}", NULL,
	    ERR_UNSUPPORTED },
};

static void
test_prompts(void **state)
{
	struct fail why;
	char got[256];

	(void)state;
	for (size_t i = 0; i < sizeof(prompts) / sizeof(prompts[0]); i++) {
		int err = prompt_of(prompts[i].json, got, sizeof(got), &why);

		assert_int_equal(err, prompts[i].err);
		if (err == 0)
			assert_string_equal(got, prompts[i].want);
		else
			assert_non_null(strstr(why.text, "prompt"));
	}
}

static void
test_which_are_many(void **state)
{
	const struct {
		const char *json;
		bool is_many;
	} all[] = { { "\"a\"", false }, { "[1]", false },
		{ "[\"a\", 1]", false }, { "[\"a\", \"b\"]", true },
		{ "[[1], [2]]", true }, { "[[1], \"a\"]", true },
		{ "[]", true }, { "{}", false } };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct json_doc *doc = parse(all[i].json);

		assert_int_equal(
		    promptin_are_many(json_root(doc)), all[i].is_many);
		json_free(doc);
	}
}

static void
test_samplers(void **state)
{
	struct fail why;
	struct ask q;

	(void)state;
	assert_int_equal(read_body(&q, &ask_llama,
			     "{\"prompt\":\"a\",\"top_k\":7,\"min_p\":0.3,"
			     "\"samplers\":[\"top_k\",\"temperature\"]}",
			     &why),
	    0);
	assert_int_equal(q.gen.top_k, 7);
	assert_float_equal(q.gen.min_p, 0, 0);
	assert_float_equal(q.gen.top_p, 1, 0);
	assert_float_equal(q.gen.temperature, 0.8, 1e-6);
	ask_done(&q);
	assert_int_equal(
	    read_body(&q, &ask_llama,
		"{\"prompt\":\"a\",\"temperature\":0,\"samplers\":\"edskypmx\"}",
		&why),
	    0);
	/* Without the sampler of temperature there is none. */
	assert_float_equal(q.gen.temperature, 1, 0);
	assert_int_equal(q.gen.top_k, 40);
	ask_done(&q);
	assert_int_equal(read_body(&q, &ask_llama,
			     "{\"prompt\":\"a\",\"samplers\":\"tk\"}", &why),
	    ERR_UNSUPPORTED);
	ask_done(&q);
	assert_int_equal(read_body(&q, &ask_llama,
			     "{\"prompt\":\"a\",\"samplers\":\"z\"}", &why),
	    ERR_INVALID);
	ask_done(&q);
}

static void
test_budgets(void **state)
{
	const struct {
		const char *body;
		uint32_t want;
		bool is_none;
	} all[] = { { "{\"prompt\":\"a\"}", 0, false },
		{ "{\"prompt\":\"a\",\"n_predict\":-1}", 0, false },
		{ "{\"prompt\":\"a\",\"n_predict\":0}", 1, true },
		{ "{\"prompt\":\"a\",\"n_predict\":5}", 5, false },
		{ "{\"prompt\":\"a\",\"max_tokens\":6}", 6, false } };
	struct fail why;
	struct ask q;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(
		    read_body(&q, &ask_llama, all[i].body, &why), 0);
		assert_int_equal(q.gen.max_tokens, all[i].want);
		assert_int_equal(llama_wants_none(&q), all[i].is_none);
		assert_true(q.gen.want_prompt && q.gen.seed != UINT64_MAX);
		ask_done(&q);
	}
}

static void
test_infill(void **state)
{
	static const char *const want[] = { "P", "S", "M", "a.c", "one", "tmp",
		"two" };
	struct gen_submit g;
	struct cursor c;
	struct fail why;
	struct str part;
	struct ask q;
	size_t n = 0;

	(void)state;
	assert_int_equal(
	    read_body(&q, &ask_infill,
		"{\"input_prefix\":\"P\",\"input_suffix\":\"S\",\"prompt\":\"M\","
		"\"input_extra\":[{\"filename\":\"a.c\",\"text\":\"one\"},"
		"{\"text\":\"two\"}]}",
		&why),
	    0);
	g = ask_choice(&q, 0);
	assert_int_equal(g.input, INPUT_INFILL);
	c = strs_walk(g.parts);
	while (strs_next(&c, &part))
		assert_true(str_is(part, want[n++]));
	assert_int_equal(n, 7);
	ask_done(&q);
	assert_int_equal(
	    read_body(&q, &ask_infill, "{\"input_prefix\":\"P\"}", &why),
	    ERR_INVALID);
	assert_string_equal(why.field, "input_suffix");
	ask_done(&q);
}

static void
test_pick(void **state)
{
	static const char object[] =
	    "{\"a\":1,\"b\":{\"c\":[2,3],\"d\":{\"e\":\"x\"}},\"f\":null}";
	static const char *const paths[] = { "b/d/e", "a", "f", "b/c", "none",
		"a/b", "b/none", "", "b/" };
	struct buf packed, out;

	(void)state;
	buf_init(&packed, 1024);
	buf_init(&out, 1024);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		strs_put(&packed, str_of(paths[i]));
	llama_pick(&out, str_of(object), buf_str(&packed));
	buf_put_u8(&out, '\0');
	assert_string_equal((const char *)buf_data(&out),
	    "{\"b/d/e\":\"x\",\"a\":1,\"f\":null,\"b/c\":[2,3],"
	    "\"b/\":{\"c\":[2,3],\"d\":{\"e\":\"x\"}}}");
	buf_done(&packed);
	buf_done(&out);
}

/* RFC 4648, 10. */
static void
test_base64(void **state)
{
	static const char *const all[][2] = { { "", "" }, { "f", "Zg==" },
		{ "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xbf", "+/+/" } };
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		buf_init(&b, 64);
		base64_put(&b, all[i][0], strlen(all[i][0]));
		buf_put_u8(&b, '\0');
		assert_string_equal((const char *)buf_data(&b), all[i][1]);
		buf_done(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prompts),
		cmocka_unit_test(test_which_are_many),
		cmocka_unit_test(test_samplers),
		cmocka_unit_test(test_budgets),
		cmocka_unit_test(test_infill),
		cmocka_unit_test(test_pick),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
