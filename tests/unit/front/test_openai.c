/*
 * The checks of a request's body: what is refused with which words, and what
 * the worker gets of what is not.
 */
#include "front/http/ask.h"

#include "wire/layout.h"
#include "wire/part.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static int
read_body(struct ask *o, bool is_chat, const char *body, struct fail *why)
{
	static const struct ask_limits limits = { .gens_max = 8, .n_ctx = 100 };
	int err =
	    ask_parse(o, is_chat ? &ask_openai_chat : &ask_openai_completion,
		str_of(body), why);

	return err != 0 ? err : ask_read(o, &limits, why);
}

struct bad {
	const char *body;
	const char *field;
	const char *text;
};

static void
check_bad(const struct bad *b, size_t n, bool is_chat)
{
	struct ask o;
	struct fail why;
	int err;

	for (size_t i = 0; i < n; i++) {
		err = read_body(&o, is_chat, b[i].body, &why);
		ask_done(&o);
		if (err != ERR_INVALID || why.code != ERR_INVALID)
			fail_msg("%s: err %d", b[i].body, err);
		assert_string_equal(why.text, b[i].text);
		assert_string_equal(why.field, b[i].field);
	}
}

#define P "{\"prompt\":\"a\","
#define TOOL(name) \
	"{\"type\":\"function\",\"function\":{\"name\":\"" name "\"}}"

static const struct bad bad_completions[] = {
	{ "", "", "the request needs a JSON object as its body" },
	{ "{", "",
	    "the body is no JSON that is accepted: at byte 2: "
	    "unexpected end of data" },
	{ "{\"n\":1,\"n\":1}", "",
	    "the body is no JSON that is accepted: at "
	    "byte 8: duplicate key \"n\"" },
	{ "[1]", "", "the body must be a JSON object, not of type array" },
	{ "{}", "prompt", "prompt: is required" },
	{ "{\"prompt\":null}", "prompt", "prompt: is required" },
	{ "{\"prompt\":{}}", "prompt",
	    "prompt: must be a string, an array of "
	    "strings, an array of token ids or an array of such arrays, none "
	    "of them empty, not an object" },
	{ "{\"prompt\":[[1],[]]}", "prompt",
	    "prompt: must be a string, an "
	    "array of strings, an array of token ids or an array of such "
	    "arrays, none of them empty, not an array of 0" },
	{ "{\"prompt\":[1,\"a\"]}", "prompt",
	    "prompt: a token id must be a "
	    "whole number from 0 to 2147483647, not \"a\"" },
	{ "{\"prompt\":[1,-1]}", "prompt",
	    "prompt: a token id must be a "
	    "whole number from 0 to 2147483647, not -1" },
	{ "{\"prompt\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\","
	  "\"i\"]}",
	    "prompt", "prompt: a request may have 8 prompts, not 9" },
	{ "{\"prompt\":[\"a\",\"b\",\"c\"],\"n\":3}", "n",
	    "n: a request may have 8 choices in all, not 9" },
	{ P "\"n\":0}", "n", "n: must be a whole number from 1 to 128, not 0" },
	{ P "\"n\":129}", "n",
	    "n: must be a whole number from 1 to 128, not 129" },
	{ P "\"n\":2,\"best_of\":3}", "best_of",
	    "best_of: must be the same as n, which is 2, not 3" },
	{ P "\"max_tokens\":0}", "max_tokens",
	    "max_tokens: must be a whole "
	    "number of at least 1, or -1 for no limit, not 0" },
	{ P "\"max_tokens\":1.5}", "max_tokens",
	    "max_tokens: must be a whole "
	    "number from -1 to 2147483647, not 1.5" },
	{ P "\"max_tokens\":\"9\"}", "max_tokens",
	    "max_tokens: must be a "
	    "whole number from -1 to 2147483647, not \"9\"" },
	{ P "\"n_predict\":-2}", "n_predict",
	    "n_predict: must be a whole "
	    "number from -1 to 2147483647, not -2" },
	{ P "\"temperature\":-0.1}", "temperature",
	    "temperature: must be a number from 0 to 100, not -0.1" },
	{ P "\"temperature\":1e999}", "",
	    "the body is no JSON that is accepted: at byte 29: number past "
	    "double: 1e999" },
	{ P "\"top_p\":1.01}", "top_p",
	    "top_p: must be a number from 0 to 1, not 1.01" },
	{ P "\"mirostat\":3}", "mirostat",
	    "mirostat: must be a whole number from 0 to 2, not 3" },
	{ P "\"seed\":1.5}", "seed",
	    "seed: must be a whole number from -2^63 to 2^63-1, not 1.5" },
	{ P "\"stream\":1}", "stream", "stream: must be true or false, not 1" },
	{ P "\"stream_options\":{}}", "stream_options",
	    "stream_options: is only for requests with stream true" },
	{ P "\"stream\":true,\"stream_options\":{\"include_usage\":1}}",
	    "stream_options.include_usage",
	    "stream_options.include_usage: must be true or false, not 1" },
	{ P "\"stop\":\"\"}", "stop",
	    "stop: a string must have 1 to 256 bytes, not 0" },
	{ P "\"stop\":[1]}", "stop", "stop: must hold strings, not 1" },
	{ P "\"stop\":true}", "stop",
	    "stop: must be a string or an array of "
	    "at most 16 strings, not true" },
	{ P "\"logit_bias\":5}", "logit_bias",
	    "logit_bias: must be an object "
	    "or an array of at most 4096, not 5" },
	{ P "\"logit_bias\":{\"x\":1}}", "logit_bias",
	    "logit_bias: a token "
	    "id must be a whole number from 0 to 2147483647, not x" },
	{ P "\"logit_bias\":{\"2147483648\":1}}", "logit_bias",
	    "logit_bias: "
	    "a token id must be a whole number from 0 to 2147483647, not "
	    "2147483648" },
	{ P "\"logit_bias\":{\"1\":101}}", "logit_bias",
	    "logit_bias: a bias "
	    "must be a number from -100 to 100, or false, not 101" },
	{ P "\"logit_bias\":[[1,true]]}", "logit_bias",
	    "logit_bias: a bias "
	    "must be a number from -100 to 100, or false, not true" },
	{ P "\"logit_bias\":[[1]]}", "logit_bias",
	    "logit_bias: must hold "
	    "pairs of token id and bias, not an array of 1" },
	{ P "\"logit_bias\":[[\"a\",1]]}", "logit_bias",
	    "logit_bias: a token "
	    "id must be a whole number from 0 to 2147483647, not \"a\"" },
	{ P "\"logprobs\":21}", "logprobs",
	    "logprobs: must be a whole number from 0 to 20, not 21" },
	{ P "\"logprobs\":1,\"echo\":true}", "echo",
	    "echo: is not supported together with logprobs" },
	{ "{\"prompt\":[1],\"echo\":true}", "echo",
	    "echo: is not supported for a prompt of token ids" },
	{ P "\"suffix\":\"b\"}", "suffix",
	    "suffix: inserting text is not supported" },
	{ P "\"response_format\":{}}", "response_format.type",
	    "response_format.type: is required" },
	{ P "\"response_format\":{\"type\":\"json_schema\"}}",
	    "response_format", "response_format.json_schema: is required" },
	{ P "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
	    "{}}}",
	    "response_format.json_schema.schema",
	    "response_format.json_schema.schema: is required" },
	{ P "\"json_schema\":[]}", "json_schema",
	    "json_schema: must be an object, not array" },
	{ P "\"json_schema\":{},\"grammar\":\"root ::= \\\"a\\\"\"}", "grammar",
	    "grammar: only one of grammar and a JSON schema can "
	    "rule the answer" },
	{ P "\"json_schema\":{},\"response_format\":{\"type\":\"json_object\"}"
	    "}",
	    "json_schema",
	    "json_schema: response_format asks for a shape already" },
	{ P "\"model\":5}", "model",
	    "model: must be a string of at most 4096 bytes, not 5" },
};

#define M "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"

static const struct bad bad_chats[] = {
	{ "{}", "messages", "messages: is required" },
	{ "{\"messages\":\"a\"}", "messages",
	    "messages: must be an array of "
	    "1 to 8192 elements, not \"a\"" },
	{ "{\"messages\":[]}", "messages",
	    "messages: must be an array of 1 "
	    "to 8192 elements, not an array of 0" },
	{ "{\"messages\":[5]}", "messages[0]",
	    "messages[0]: must be an object, not 5" },
	{ "{\"messages\":[{\"content\":\"a\"}]}", "messages[0].role",
	    "messages[0].role: is required" },
	{ "{\"messages\":[{\"role\":\"me\",\"content\":\"a\"}]}",
	    "messages[0].role",
	    "messages[0].role: must be one of \"system\", "
	    "\"developer\", \"user\", \"assistant\", \"tool\", \"function\", "
	    "not \"me\"" },
	{ "{\"messages\":[{\"role\":\"user\",\"content\":null}]}",
	    "messages[0].content",
	    "messages[0].content: must be a string or "
	    "an array of text parts, not nothing" },
	{ "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
	  "\"image_url\",\"image_url\":{}}]}]}",
	    "messages[0].content[0]",
	    "messages[0].content[0]: only parts of type \"text\" are "
	    "supported, not \"image_url\"" },
	{ "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}"
	  "]}]}",
	    "messages[0].content[0]",
	    "messages[0].content[0].text: is required" },
	{ M "\"tools\":{}}", "tools",
	    "tools: must be an array, not an object" },
	{ M "\"tools\":[{}]}", "tools[0].type", "tools[0].type: is required" },
	{ M "\"tools\":[" TOOL("a") ",{\"type\":\"code\"}]}", "tools",
	    "tools[1]: must be {\"type\":\"function\",\"function\":"
	    "{\"name\":...}}; tools of type \"code\" are not known here" },
	{ M "\"tools\":[" TOOL("") "]}", "tools[0].function.name",
	    "tools[0].function.name: must be a string of 1 to 256 bytes, not "
	    "0 bytes" },
	{ M "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
	    "\"a\",\"parameters\":7}}]}",
	    "tools[0].function.parameters",
	    "tools[0].function.parameters: must be an object, not 7" },
	{ M "\"tool_choice\":\"any\"}", "tool_choice",
	    "tool_choice: must be \"auto\", \"none\", \"required\" or "
	    "{\"type\":\"function\",\"function\":{\"name\":...}}, not "
	    "\"any\"" },
	{ M "\"tool_choice\":{\"type\":\"function\"}}", "tool_choice",
	    "tool_choice: must be \"auto\", \"none\", \"required\" or "
	    "{\"type\":\"function\",\"function\":{\"name\":...}}, not an "
	    "object" },
	{ M "\"tool_choice\":\"required\"}", "tool_choice",
	    "tool_choice: there are no tools to call" },
	{ M "\"tools\":[" TOOL(
	      "a") "],\"tool_choice\":{\"type\":"
		   "\"function\",\"function\":{\"name\":\"b\"}}}",
	    "tool_choice", "tool_choice: no tool is called \"b\"" },
	{ M "\"tools\":[" TOOL("a") "],\"grammar\":\"root ::= x\"}", "grammar",
	    "grammar: cannot rule an answer that may call tools" },
	{ M "\"parallel_tool_calls\":1}", "parallel_tool_calls",
	    "parallel_tool_calls: must be true or false, not 1" },
	{ M "\"functions\":[{}]}", "functions",
	    "functions: give them as tools, each {\"type\":\"function\","
	    "\"function\":{...}}" },
	{ M "\"top_logprobs\":2}", "top_logprobs",
	    "top_logprobs: is only for requests with logprobs true" },
	{ M "\"logprobs\":2}", "logprobs",
	    "logprobs: must be true or false, not 2" },
	{ M "\"chat_template_kwargs\":1}", "chat_template_kwargs",
	    "chat_template_kwargs: must be an object, not 1" },
	{ M "\"modalities\":[\"text\",\"audio\"]}", "modalities",
	    "modalities: only \"text\" is given here" },
	{ M "\"audio\":{\"voice\":\"a\"}}", "audio",
	    "audio: only text is given here" },
	{ M "\"web_search_options\":{}}", "web_search_options",
	    "web_search_options: nothing is searched for here; offer a tool "
	    "that does" },
	{ M "\"thinking_budget_tokens\":5}", "thinking_budget_tokens",
	    "thinking_budget_tokens: must be 0, for no thinking, or -1 for "
	    "any; other budgets are not supported" },
	{ M "\"reasoning_format\":\"deepseek-legacy\"}", "reasoning_format",
	    "reasoning_format: must be \"auto\", \"deepseek\" or \"none\", "
	    "not \"deepseek-legacy\"" },
	{ M "\"max_completion_tokens\":0}", "max_completion_tokens",
	    "max_completion_tokens: must be a whole number of at least 1, or "
	    "-1 for no limit, not 0" },
};

static void
bad_ones_are_named(void **state)
{
	(void)state;
	check_bad(bad_completions,
	    sizeof(bad_completions) / sizeof(bad_completions[0]), false);
	check_bad(bad_chats, sizeof(bad_chats) / sizeof(bad_chats[0]), true);
}

static void
must_read(struct ask *o, bool is_chat, const char *body)
{
	struct fail why;

	if (read_body(o, is_chat, body, &why) != 0)
		fail_msg("%s: %s", body, why.text);
}

static void
defaults_and_nulls(void **state)
{
	struct ask o;
	struct gen_submit g;

	(void)state;
	must_read(&o, false,
	    P "\"max_tokens\":null,\"stop\":null,\"n\":null,"
	      "\"seed\":null,\"logit_bias\":null,\"suffix\":null,\"unknown\":5,"
	      "\"logprobs\":null,\"stream\":null,\"temperature\":null}");
	g = ask_choice(&o, 0);
	assert_int_equal(g.input, INPUT_PROMPT);
	assert_true(str_is(g.prompt, "a"));
	assert_int_equal(g.max_tokens, 0);
	assert_true(g.seed == UINT64_MAX);
	assert_false(g.want_logprobs);
	assert_true(g.temperature > 0.79f && g.temperature < 0.81f);
	ask_done(&o);
}

static void
everything(void **state)
{
	struct ask o;
	struct gen_submit g;
	struct cursor c;
	struct str s;

	(void)state;
	must_read(&o, false,
	    "{\"prompt\":[\"a\",\"b\"],\"n\":2,\"best_of\":2,"
	    "\"max_tokens\":7,\"seed\":40,\"stop\":[\"x\",\"yz\"],"
	    "\"logit_bias\":[[5,false],[6,1.5]],\"logprobs\":3,\"top_k\":9,"
	    "\"dry_multiplier\":1,\"stream\":true,\"ignore_eos\":true,"
	    "\"stream_options\":{\"include_usage\":true},"
	    "\"response_format\":{\"type\":\"json_object\"}}");
	g = ask_choice(&o, 3);
	assert_true(str_is(g.prompt, "b"));
	assert_int_equal(g.seed, 43);
	assert_int_equal(g.max_tokens, 7);
	assert_int_equal(g.top_k, 9);
	assert_int_equal(g.n_top_logprobs, 3);
	assert_true(g.want_logprobs && g.ignore_eos);
	assert_true(o.is_stream && o.wants_usage);
	assert_int_equal(strs_count(g.stops), 2);
	c = strs_walk(g.stops);
	assert_true(strs_next(&c, &s) && str_is(s, "x"));
	assert_true(strs_next(&c, &s) && str_is(s, "yz"));
	assert_int_equal(strs_count(g.dry_breakers), 4);
	assert_int_equal(g.logit_bias.n, 2);
	assert_int_equal(g.logit_bias.p[0].token, 5);
	assert_true(isinf(g.logit_bias.p[0].bias));
	assert_true(str_is(g.json_schema, "{\"type\":\"object\"}"));
	ask_done(&o);
}

static void
token_prompts(void **state)
{
	struct ask o;
	struct gen_submit g;

	(void)state;
	must_read(&o, false, "{\"prompt\":[[1,2],[3]]}");
	assert_int_equal(o.n_prompts, 2);
	g = ask_choice(&o, 1);
	assert_int_equal(g.input, INPUT_TOKENS);
	assert_int_equal(g.tokens.n, 1);
	assert_int_equal(g.tokens.p[0], 3);
	ask_done(&o);
	must_read(&o, false, "{\"prompt\":[4,5.0]}");
	assert_int_equal(o.n_prompts, 1);
	g = ask_choice(&o, 0);
	assert_int_equal(g.tokens.n, 2);
	assert_int_equal(g.tokens.p[1], 5);
	ask_done(&o);
}

static void
chat(void **state)
{
	struct ask o;
	struct gen_submit g;

	(void)state;
	must_read(&o, true,
	    "{ \"messages\" : [ {\"role\":\"user\",\"content\":"
	    "[{\"type\":\"text\",\"text\":\"h\\u00e9\"}]},{\"role\":"
	    "\"assistant\",\"content\":null,\"tool_calls\":[{}]}],"
	    "\"logprobs\":true,\"top_logprobs\":2,\"max_tokens\":4,"
	    "\"max_completion_tokens\":5,\"tools\":[],"
	    "\"chat_template_kwargs\":{\"enable_thinking\":false,\"x\":1},"
	    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
	    "{\"name\":\"n\",\"schema\":{\"type\":\"string\"}}}}");
	g = ask_choice(&o, 0);
	assert_int_equal(g.input, INPUT_CHAT);
	assert_true(str_is(g.messages,
	    "[{\"role\":\"user\",\"content\":"
	    "[{\"type\":\"text\",\"text\":\"h\xc3\xa9\"}]},{\"role\":"
	    "\"assistant\",\"content\":null,\"tool_calls\":[{}]}]"));
	assert_int_equal(g.max_tokens, 5);
	assert_int_equal(g.n_top_logprobs, 2);
	assert_false(g.enable_thinking);
	assert_true(
	    str_is(g.template_kwargs, "{\"enable_thinking\":false,\"x\":1}"));
	assert_true(str_is(g.json_schema, "{\"type\":\"string\"}"));
	ask_done(&o);
}

static void
tools(void **state)
{
	struct ask o;

	(void)state;
	must_read(&o, true,
	    M "\"tools\":[],\"tool_choice\":\"auto\",\"functions\":[]}");
	assert_int_equal(o.gen.tools.n, 0);
	ask_done(&o);
	must_read(&o, true,
	    M "\"tools\":[" TOOL("a") "," TOOL(
		"b") "],"
		     "\"tool_choice\":\"none\",\"parallel_tool_calls\":false}");
	assert_true(str_is(o.gen.tools, "[" TOOL("a") "," TOOL("b") "]"));
	assert_int_equal(o.gen.tool_choice, TOOLS_NONE);
	assert_int_equal(o.gen.parallel_calls, PARALLEL_NO);
	ask_done(&o);
	must_read(&o, true,
	    M "\"tools\":[" TOOL("a") "," TOOL(
		"b") "],"
		     "\"tool_choice\":{\"type\":\"function\",\"function\":"
		     "{\"name\":\"b\"}},\"parallel_tool_calls\":true}");
	assert_true(str_is(o.gen.tools, "[" TOOL("b") "]"));
	assert_int_equal(o.gen.tool_choice, TOOLS_REQUIRED);
	assert_int_equal(o.gen.parallel_calls, PARALLEL_YES);
	ask_done(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_ones_are_named),
		cmocka_unit_test(defaults_and_nulls),
		cmocka_unit_test(everything),
		cmocka_unit_test(token_prompts),
		cmocka_unit_test(chat),
		cmocka_unit_test(tools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
