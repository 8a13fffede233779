/*
 * The bodies of Ollama's chat and generate: what the worker gets of them, and
 * what is refused with which words.
 */
#include "front/http/ollama_ask.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "ask_world.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define G "{\"model\":\"m\",\"prompt\":\"a\","
#define C \
	"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"

static void
defaults(void **state)
{
	struct gen_submit g;
	struct ask q;

	(void)state;
	must_read(&q, &ask_ollama_generate, G "\"options\":null}");
	g = ask_choice(&q, 0);
	assert_true(q.is_stream);
	assert_int_equal(g.input, INPUT_CHAT);
	assert_true(fabsf(g.temperature - 0.8f) < 1e-6f);
	assert_int_equal(g.top_k, 40);
	assert_true(fabsf(g.top_p - 0.9f) < 1e-6f);
	assert_true(fabsf(g.min_p) < 1e-6f);
	assert_true(fabsf(g.repeat_penalty - 1.1f) < 1e-6f);
	assert_int_equal(g.repeat_last_n, 64);
	assert_int_equal(g.max_tokens, 0);
	assert_true(g.seed == UINT64_MAX);
	assert_int_equal(g.enable_thinking, 1);
	ask_done(&q);
}

static void
options(void **state)
{
	struct gen_submit g;
	struct ask q;
	struct cursor stops;
	struct str s;

	(void)state;
	must_read(&q, &ask_ollama_chat,
	    C "\"stream\":false,\"options\":{\"num_predict\":7,\"num_ctx\":9,"
	      "\"temperature\":0.5,\"top_k\":3,\"top_p\":0.25,\"min_p\":0.125,"
	      "\"typical_p\":0.5,\"repeat_last_n\":5,\"repeat_penalty\":1.5,"
	      "\"presence_penalty\":0.5,\"frequency_penalty\":0.25,"
	      "\"mirostat\":2,\"mirostat_tau\":4,\"mirostat_eta\":0.5,"
	      "\"seed\":42,\"stop\":[\"x\",\"yz\"],\"num_gpu\":1,"
	      "\"num_thread\":8,\"num_keep\":4,\"numa\":true,"
	      "\"penalize_newline\":true,\"tfs_z\":1.0}}");
	g = ask_choice(&q, 0);
	assert_false(q.is_stream);
	assert_int_equal(g.max_tokens, 7);
	assert_true(fabsf(g.temperature - 0.5f) < 1e-6f);
	assert_int_equal(g.top_k, 3);
	assert_true(fabsf(g.top_p - 0.25f) < 1e-6f);
	assert_true(fabsf(g.min_p - 0.125f) < 1e-6f);
	assert_true(fabsf(g.typical_p - 0.5f) < 1e-6f);
	assert_int_equal(g.repeat_last_n, 5);
	assert_true(fabsf(g.repeat_penalty - 1.5f) < 1e-6f);
	assert_true(fabsf(g.presence_penalty - 0.5f) < 1e-6f);
	assert_true(fabsf(g.frequency_penalty - 0.25f) < 1e-6f);
	assert_int_equal(g.mirostat, 2);
	assert_true(fabsf(g.mirostat_tau - 4) < 1e-6f);
	assert_true(fabsf(g.mirostat_eta - 0.5f) < 1e-6f);
	assert_int_equal(g.seed, 42);
	stops = strs_walk(g.stops);
	assert_true(strs_next(&stops, &s) && str_is(s, "x"));
	assert_true(strs_next(&stops, &s) && str_is(s, "yz"));
	assert_false(strs_next(&stops, &s));
	ask_done(&q);
}

/* What is no limit. */
static void
budgets(void **state)
{
	static const char *const all[] = { "0", "-1", "-2", "null" };
	char body[128];
	struct ask q;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		(void)snprintf(body, sizeof(body),
		    G "\"options\":{\"num_predict\":%s}}", all[i]);
		must_read(&q, &ask_ollama_generate, body);
		assert_int_equal(q.gen.max_tokens, 0);
		ask_done(&q);
	}
}

static void
assert_text(struct str s, const char *want)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "%.*s", (int)s.n, s.p);
	assert_string_equal(text, want);
}

static void
shapes(void **state)
{
	static const struct {
		const char *more, *schema;
	} all[] = {
		{ "\"format\":\"json\"}", "{\"type\":\"object\"}" },
		{ "\"format\":\"\"}", "" },
		{ "\"format\":null}", "" },
		{ "\"format\":{\"type\":\"integer\"}}",
		    "{\"type\":\"integer\"}" },
	};
	char body[256];
	struct ask q;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		(void)snprintf(body, sizeof(body), G "%s", all[i].more);
		must_read(&q, &ask_ollama_generate, body);
		assert_text(q.gen.json_schema, all[i].schema);
		ask_done(&q);
	}
}

static void
thinking(void **state)
{
	struct ask q;

	(void)state;
	must_read(&q, &ask_ollama_chat, C "\"think\":false}");
	assert_int_equal(q.gen.enable_thinking, 0);
	ask_done(&q);
	must_read(&q, &ask_ollama_chat, C "\"think\":\"low\"}");
	assert_int_equal(q.gen.enable_thinking, 1);
	assert_text(q.gen.template_kwargs, "{\"reasoning_effort\":\"low\"}");
	ask_done(&q);
}

static void
messages(void **state)
{
	struct ask q;

	(void)state;
	must_read(&q, &ask_ollama_chat,
	    "{\"model\":\"m\",\"messages\":["
	    "{\"role\":\"system\",\"content\":\"s\"},"
	    "{\"role\":\"user\",\"content\":\"u\",\"images\":[]},"
	    "{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"t\","
	    "\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":"
	    "{\"a\":1}}},{\"id\":\"7\",\"function\":{\"name\":\"g\"}}]},"
	    "{\"role\":\"tool\",\"content\":\"9\",\"tool_name\":\"f\"}]}");
	assert_text(q.gen.messages,
	    "[{\"role\":\"system\",\"content\":\"s\"},"
	    "{\"role\":\"user\",\"content\":\"u\"},"
	    "{\"role\":\"assistant\",\"content\":\"\",\"reasoning_content\":"
	    "\"t\",\"tool_calls\":[{\"type\":\"function\",\"function\":"
	    "{\"name\":\"f\",\"arguments\":{\"a\":1}}},{\"type\":\"function\","
	    "\"id\":\"7\",\"function\":{\"name\":\"g\",\"arguments\":{}}}]},"
	    "{\"role\":\"tool\",\"content\":\"9\",\"name\":\"f\"}]");
	ask_done(&q);
	must_read(&q, &ask_ollama_generate,
	    "{\"model\":\"m\",\"prompt\":\"p\\\"\",\"system\":\"s\"}");
	assert_text(q.gen.messages,
	    "[{\"role\":\"system\",\"content\":\"s\"},"
	    "{\"role\":\"user\",\"content\":\"p\\\"\"}]");
	ask_done(&q);
}

static void
raw_prompt(void **state)
{
	struct gen_submit g;
	struct ask q;

	(void)state;
	must_read(&q, &ask_ollama_generate, G "\"raw\":true}");
	g = ask_choice(&q, 0);
	assert_int_equal(g.input, INPUT_PROMPT);
	assert_text(g.prompt, "a");
	assert_int_equal(g.apart, 0);
	ask_done(&q);
}

static void
between(void **state)
{
	static const char *const parts[] = { "a", "z", "" };
	struct gen_submit g;
	struct cursor at;
	struct ask q;
	struct str s;

	(void)state;
	must_read(&q, &ask_ollama_generate, G "\"suffix\":\"z\"}");
	g = ask_choice(&q, 0);
	assert_int_equal(g.input, INPUT_INFILL);
	at = strs_walk(g.parts);
	for (size_t i = 0; i < COUNT(parts); i++) {
		assert_true(strs_next(&at, &s));
		assert_text(s, parts[i]);
	}
	assert_false(strs_next(&at, &s));
	ask_done(&q);
}

static const struct bad {
	const char *body, *field, *text;
} bad[] = {
	{ "{\"prompt\":\"a\"}", "model", "model is required" },
	{ G "\"stream\":1}", "stream", "stream: must be true or false, not 1" },
	{ G "\"prompt\":2}", "",
	    "the body is no JSON that is accepted: at byte 27: duplicate key "
	    "\"prompt\"" },
	{ "{\"model\":\"m\",\"prompt\":[1]}", "prompt",
	    "prompt: must be a string, not an array of 1" },
	{ G "\"options\":[]}", "options",
	    "options: must be an object, not an array of 0" },
	{ G "\"options\":{\"top_k\":\"3\"}}", "options.top_k",
	    "options.top_k: must be a whole number from -1 to 2147483647, not "
	    "\"3\"" },
	{ G "\"options\":{\"num_predict\":-3}}", "options.num_predict",
	    "options.num_predict: must be a whole number from -2 to "
	    "2147483647, not -3" },
	{ G "\"options\":{\"num_ctx\":-1}}", "options.num_ctx",
	    "options.num_ctx: must be a whole number from 0 to 2147483647, "
	    "not -1" },
	{ G "\"options\":{\"stop\":[1]}}", "stop",
	    "stop: must hold strings, not 1" },
	{ G "\"format\":\"xml\"}", "format",
	    "invalid format: \"xml\"; expected \"json\" or a JSON Schema "
	    "object" },
	{ G "\"think\":\"very\"}", "think",
	    "invalid think value: \"very\"; must be true, false, \"low\", "
	    "\"medium\" or \"high\"" },
	{ G "\"keep_alive\":\"soon\"}", "keep_alive",
	    "keep_alive: must be a number of seconds or a duration like "
	    "\"5m\", not \"soon\"" },
	{ G "\"images\":[\"aGk=\"]}", "images",
	    "images: no model here takes images" },
	{ G "\"context\":[1]}", "context",
	    "context: is not taken; POST /api/chat goes on with messages" },
	{ G "\"template\":\"{{ .Prompt }}\"}", "template",
	    "template: the model's own is used; with \"raw\": true the prompt "
	    "is taken as it is" },
	{ G "\"raw\":true,\"system\":\"s\"}", "system",
	    "system: a prompt that is raw, or has a suffix, has none" },
	{ G "\"suffix\":\"z\",\"system\":\"s\"}", "system",
	    "system: a prompt that is raw, or has a suffix, has none" },
	{ G "\"top_logprobs\":21}", "top_logprobs",
	    "top_logprobs: must be a whole number from 0 to 20, not 21" },
};

static const struct bad bad_chats[] = {
	{ "{\"model\":\"m\",\"messages\":[{\"content\":\"a\"}]}",
	    "messages[0].role", "messages[0].role: is required" },
	{ "{\"model\":\"m\",\"messages\":[{\"role\":\"king\"}]}",
	    "messages[0].role",
	    "messages[0].role: must be one of \"system\", \"user\", "
	    "\"assistant\", \"tool\", not \"king\"" },
	{ "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[]}]}",
	    "messages[0].content",
	    "messages[0].content: must be a string, not an array of 0" },
	{ "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\","
	  "\"images\":[\"a\"]}]}",
	    "images", "messages[0].images: no model here takes images" },
	{ "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
	  "\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":"
	  "\"{}\"}}]}]}",
	    "messages[0].tool_calls[0].arguments",
	    "messages[0].tool_calls[0].arguments: must be an object, not "
	    "\"{}\"" },
	{ C "\"tools\":[{\"type\":\"x\"}]}", "tools",
	    "tools[0]: must be {\"type\":\"function\",\"function\":{\"name\":"
	    "...}}; tools of type \"x\" are not known here" },
};

static void
check_bad(const struct bad *b, size_t n, const struct ask_form *form)
{
	struct ask q;
	struct fail why;
	int err;

	for (size_t i = 0; i < n; i++) {
		err = read_body(&q, form, b[i].body, &why);
		ask_done(&q);
		if (err != ERR_INVALID || why.code != ERR_INVALID)
			fail_msg("%s: err %d", b[i].body, err);
		assert_string_equal(why.text, b[i].text);
		assert_string_equal(why.field, b[i].field);
	}
}

static void
refused(void **state)
{
	(void)state;
	check_bad(bad, COUNT(bad), &ask_ollama_generate);
	check_bad(bad_chats, COUNT(bad_chats), &ask_ollama_chat);
}

static void
keeping(void **state)
{
	static const struct {
		const char *json;
		int zero; /* -1: refused */
	} all[] = { { "null", 0 }, { "0", 1 }, { "0.0", 1 }, { "-1", 0 },
		{ "300", 0 }, { "\"0\"", 1 }, { "\"-0\"", 1 }, { "\"0s\"", 1 },
		{ "\"0h0m\"", 1 }, { "\"5m\"", 0 }, { "\"1h30m\"", 0 },
		{ "\"-1m\"", 0 }, { "\"1.5h\"", 0 }, { "\".5s\"", 0 },
		{ "\"300ms\"", 0 }, { "\"1\xc2\xb5s\"", 0 }, { "\"\"", -1 },
		{ "\"-\"", -1 }, { "\"5\"", -1 }, { "\"m\"", -1 },
		{ "\"1.2.3s\"", -1 }, { "\"5 m\"", -1 }, { "\".s\"", -1 },
		{ "true", -1 }, { "[]", -1 } };
	struct json_doc *doc;
	struct fail why;
	bool is_zero;
	int err;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		assert_int_equal(json_parse(all[i].json, strlen(all[i].json),
				     &json_limits_request, &doc, NULL),
		    0);
		err = ollama_read_keep(json_root(doc), &is_zero, &why);
		json_free(doc);
		if ((err != 0) != (all[i].zero < 0) ||
		    (err == 0 && is_zero != (all[i].zero == 1)))
			fail_msg("%s: %d, %d", all[i].json, err, is_zero);
	}
	assert_int_equal(ollama_read_keep(NULL, &is_zero, &why), 0);
	assert_false(is_zero);
}

int
main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(options),
		cmocka_unit_test(budgets),
		cmocka_unit_test(shapes),
		cmocka_unit_test(thinking),
		cmocka_unit_test(messages),
		cmocka_unit_test(raw_prompt),
		cmocka_unit_test(between),
		cmocka_unit_test(refused),
		cmocka_unit_test(keeping),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
