/*
 * The bodies of Anthropic's messages and OpenAI's responses: what the template
 * gets of them, and what is refused with which words.
 */
#include "front/http/ask.h"
#include "front/http/calls.h"

#include "wire/layout.h"
#include "wire/part.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "ask_world.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
assert_str(struct str got, const char *want)
{
	if (!str_is(got, want))
		fail_msg("%.*s\nis not\n%s", (int)got.n, got.p, want);
}

struct made {
	const char *body;     /* what stands in the one field */
	const char *messages; /* what becomes of it */
};

static void
check_made(const struct ask_form *form, const char *shape,
    const struct made *all, size_t n)
{
	char body[4096];
	struct ask q;

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(
		    body, sizeof(body), "{%s%s}", shape, all[i].body);
		must_read(&q, form, body);
		assert_str(ask_choice(&q, 0).messages, all[i].messages);
		ask_done(&q);
	}
}

#define USER "{\"role\":\"user\",\"content\":\"a\"}"
#define TEXT(t) "{\"type\":\"text\",\"text\":\"" t "\"}"

static const struct made anthropic[] = {
	{ "\"messages\":[" USER "]", "[" USER "]" },
	{ "\"system\":\"s\",\"messages\":[" USER "]",
	    "[{\"role\":\"system\",\"content\":\"s\"}," USER "]" },
	{ "\"system\":[" TEXT("s") "," TEXT("t\\n") "],\"messages\":[" USER "]",
	    "[{\"role\":\"system\",\"content\":\"st\\n\"}," USER "]" },
	{ "\"messages\":[{\"role\":\"user\",\"content\":[" TEXT("a") "]}]",
	    "[" USER "]" },
	{ "\"messages\":[{\"role\":\"user\",\"content\":[" TEXT("a") "," TEXT(
	      "b") "]}]",
	    "[{\"role\":\"user\",\"content\":[" TEXT("a") "," TEXT("b") "]}]" },
	{ "\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":"
	  "\"thinking\",\"thinking\":\"h\",\"signature\":\"\"},"
	  "{\"type\":\"redacted_thinking\",\"data\":\"x\"}," TEXT(
	      "b") ",{\"type\":\"tool_use\",\"id\":\"i\",\"name\":\"f\",\"input\":"
		   "{\"x\":\"\\\"\"}}]},"
		   "{\"role\":\"user\",\"content\":[" TEXT(
		       "c") ",{\"type\":\"tool_result\",\"tool_use_id\":\"i\",\"content\":"
			    "[" TEXT("5") "," TEXT(
				"6") "]},{\"type\":\"tool_result\","
				     "\"tool_use_id\":\"j\"}]}]",
	    "[{\"role\":\"assistant\",\"content\":\"b\","
	    "\"reasoning_content\":\"h\",\"tool_calls\":[{\"id\":\"i\","
	    "\"type\":\"function\",\"function\":{\"name\":\"f\","
	    "\"arguments\":\"{\\\"x\\\":\\\"\\\\\\\"\\\"}\"}}]},"
	    "{\"role\":\"tool\",\"tool_call_id\":\"i\",\"content\":\"56\"},"
	    "{\"role\":\"tool\",\"tool_call_id\":\"j\",\"content\":\"\"},"
	    "{\"role\":\"user\",\"content\":\"c\"}]" },
	{ "\"messages\":[{\"role\":\"assistant\",\"content\":[]}," USER "]",
	    "[" USER "]" },
};

static void
messages_of_anthropic(void **state)
{
	(void)state;
	check_made(
	    &ask_anthropic, "\"max_tokens\":5,", anthropic, COUNT(anthropic));
	check_made(&ask_anthropic_count, "", anthropic, COUNT(anthropic));
}

#define ITEM_CALL                                                       \
	"{\"type\":\"function_call\",\"call_id\":\"i\",\"name\":\"f\"," \
	"\"arguments\":\"{}\"}"
#define MADE_CALL                                                     \
	"{\"id\":\"i\",\"type\":\"function\",\"function\":{\"name\":" \
	"\"f\",\"arguments\":\"{}\"}}"

static const struct made responses[] = {
	{ "\"input\":\"a\"", "[" USER "]" },
	{ "\"input\":[" USER "],\"instructions\":\"s\"",
	    "[{\"role\":\"system\",\"content\":\"s\"}," USER "]" },
	{ "\"input\":[{\"type\":\"message\",\"role\":\"developer\","
	  "\"content\":[{\"type\":\"input_text\",\"text\":\"x\"},"
	  "{\"type\":\"input_text\",\"text\":\"y\"}]}]",
	    "[{\"role\":\"developer\",\"content\":\"xy\"}]" },
	/* Items of the assistant that follow one another are one message. */
	{ "\"input\":[" USER ",{\"type\":\"reasoning\",\"summary\":[],"
	  "\"content\":[{\"type\":\"reasoning_text\",\"text\":\"h\"}]},"
	  "{\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\","
	  "\"text\":\"b\"}]}," ITEM_CALL "," ITEM_CALL
	  ",{\"type\":\"function_call_output\",\"call_id\":\"i\","
	  "\"output\":\"5\"}," USER "]",
	    "[" USER ",{\"role\":\"assistant\",\"content\":\"b\","
	    "\"reasoning_content\":\"h\",\"tool_calls\":[" MADE_CALL
	    "," MADE_CALL "]},{\"role\":\"tool\",\"tool_call_id\":\"i\","
	    "\"content\":\"5\"}," USER "]" },
	{ "\"input\":[" USER "," ITEM_CALL "]",
	    "[" USER ",{\"role\":\"assistant\",\"content\":\"\","
	    "\"tool_calls\":[" MADE_CALL "]}]" },
	{ "\"input\":[{\"type\":\"reasoning\",\"summary\":[],"
	  "\"encrypted_content\":\"x\"}," USER "]",
	    "[{\"role\":\"assistant\",\"content\":\"\"}," USER "]" },
};

static void
items_of_responses(void **state)
{
	(void)state;
	check_made(&ask_responses, "", responses, COUNT(responses));
}

struct bad {
	const char *body;
	const char *field;
	const char *text;
};

static void
check_bad(const struct ask_form *form, const struct bad *b, size_t n)
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

#define A "{\"max_tokens\":5,\"messages\":["
#define AM A USER "],"
#define TOOL "{\"name\":\"f\",\"input_schema\":{}}"

static const struct bad bad_anthropic[] = {
	{ "{\"messages\":[" USER "]}", "max_tokens",
	    "max_tokens: is required" },
	{ "{\"max_tokens\":0,\"messages\":[" USER "]}", "max_tokens",
	    "max_tokens: must be a whole number from 1 to 2147483647, not 0" },
	{ "{\"max_tokens\":5}", "messages", "messages: is required" },
	{ A "{\"role\":\"tool\",\"content\":\"a\"}]}", "messages[0].role",
	    "messages[0].role: must be one of \"user\", \"assistant\", "
	    "\"system\", not \"tool\"" },
	{ A USER ",{\"role\":\"user\",\"content\":5}]}", "messages[1].content",
	    "messages[1].content: must be a string or an array of at most 1024 "
	    "blocks, not 5" },
	{ A "{\"role\":\"user\",\"content\":[" TEXT(
	      "a") ",{\"type\":\"image\",\"source\":{}}]}]}",
	    "messages[0].content[1]",
	    "messages[0].content[1]: only blocks of type \"text\", "
	    "\"tool_result\" are supported here, not \"image\"" },
	{ A "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","
	    "\"id\":\"a\",\"name\":\"b\"}]}]}",
	    "messages[0].content[0].input",
	    "messages[0].content[0].input: is required" },
	{ A "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
	    "\"tool_use_id\":\"a\",\"content\":[{\"type\":\"image\"}]}]}]}",
	    "messages[0].content[0].content[0]",
	    "messages[0].content[0].content[0]: only blocks of type \"text\" "
	    "are supported here, not \"image\"" },
	{ AM "\"system\":[{\"type\":\"thinking\",\"thinking\":\"a\"}]}",
	    "system[0]",
	    "system[0]: only blocks of type \"text\" are supported here, not "
	    "\"thinking\"" },
	{ AM "\"stop_sequences\":[\"\"]}", "stop_sequences",
	    "stop_sequences: a string must have 1 to 256 bytes, not 0" },
	{ AM "\"thinking\":{\"type\":\"much\"}}", "thinking.type",
	    "thinking.type: must be one of \"disabled\", \"enabled\", "
	    "\"adaptive\", not \"much\"" },
	{ AM "\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"bash\"}]}",
	    "tools",
	    "tools[0]: only tools of type \"custom\", which the client runs, "
	    "are known here, not \"bash_20250124\"" },
	{ AM "\"tools\":[{\"name\":\"f\"}]}", "tools[0].input_schema",
	    "tools[0].input_schema: is required" },
	{ AM "\"tool_choice\":{\"type\":\"any\"}}", "tool_choice",
	    "tool_choice: there are no tools to call" },
	{ AM "\"tools\":[" TOOL "],\"tool_choice\":{\"type\":\"tool\"}}",
	    "tool_choice.name",
	    "tool_choice.name: is required with type \"tool\"" },
	{ AM "\"tools\":[" TOOL "],\"tool_choice\":{\"type\":\"tool\","
	     "\"name\":\"g\"}}",
	    "tool_choice", "tool_choice: no tool is called \"g\"" },
	{ AM "\"output_config\":{\"format\":{\"type\":\"json_schema\"}}}",
	    "output_config.format",
	    "output_config.format.schema: is required" },
	{ AM "\"mcp_servers\":[{}]}", "mcp_servers",
	    "mcp_servers: are not connected to from here; offer their tools "
	    "as tools" },
	{ AM "\"container\":\"a\"}", "container",
	    "container: there is none here" },
};

static const struct bad bad_responses[] = {
	{ "{}", "input",
	    "input: must be a string or an array of 1 to 8192 items, not "
	    "nothing" },
	{ "{\"input\":[{\"type\":\"item_reference\",\"id\":\"a\"}]}",
	    "input[0].type",
	    "input[0].type: must be one of \"message\", \"function_call\", "
	    "\"function_call_output\", \"reasoning\", not \"item_reference\"" },
	{ "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":"
	  "\"input_file\"}]}]}",
	    "input[0].content",
	    "input[0].content[0]: only parts of type \"input_text\" and "
	    "\"output_text\" with their text are supported, not "
	    "\"input_file\"" },
	{ "{\"input\":[" USER "," ITEM_CALL ",{\"role\":\"assistant\","
	  "\"content\":[5]}]}",
	    "input[2].content[0]",
	    "input[2].content[0]: must be an object, not 5" },
	{ "{\"input\":[{\"type\":\"function_call\",\"name\":\"f\","
	  "\"arguments\":\"\"}]}",
	    "input[0].call_id", "input[0].call_id: is required" },
	{ "{\"input\":\"a\",\"tools\":[{\"type\":\"function\"}]}",
	    "tools[0].name", "tools[0].name: is required" },
	/* What OpenAI would run is passed over, and so cannot be called. */
	{ "{\"input\":\"a\",\"tools\":[{\"type\":\"web_search\"}],"
	  "\"tool_choice\":\"required\"}",
	    "tool_choice", "tool_choice: there are no tools to call" },
	{ "{\"input\":\"a\",\"tool_choice\":{\"type\":\"web_search\"}}",
	    "tool_choice",
	    "tool_choice: must be \"auto\", \"none\", \"required\" or "
	    "{\"type\":\"function\",\"name\":...}; type \"web_search\" is not "
	    "known here" },
	{ "{\"input\":\"a\",\"text\":{\"format\":{\"type\":"
	  "\"json_schema\"}}}",
	    "text.format", "text.format.schema: is required" },
	{ "{\"input\":\"a\",\"previous_response_id\":\"r\"}",
	    "previous_response_id",
	    "previous_response_id: nothing is stored here; send all of it as "
	    "input" },
	{ "{\"input\":\"a\",\"background\":true}", "background",
	    "background: nothing is stored here; wait for the answer, or ask "
	    "for a stream" },
};

static void
bad_ones_are_named(void **state)
{
	(void)state;
	check_bad(&ask_anthropic, bad_anthropic, COUNT(bad_anthropic));
	check_bad(&ask_responses, bad_responses, COUNT(bad_responses));
}

static void
fields_of_anthropic(void **state)
{
	struct ask q;
	struct gen_submit g;
	struct cursor c;
	struct str s;

	(void)state;
	must_read(&q, &ask_anthropic,
	    AM
	    "\"stop_sequences\":[\"x\",\"yz\"],\"temperature\":0.5,"
	    "\"top_k\":7,\"metadata\":{\"user_id\":\"u\"},\"stream\":true,"
	    "\"thinking\":{\"type\":\"disabled\"},\"tools\":[{\"name\":\"f\","
	    "\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}},"
	    "{\"type\":\"custom\",\"name\":\"g\",\"input_schema\":{}}],"
	    "\"tool_choice\":{\"type\":\"tool\",\"name\":\"g\","
	    "\"disable_parallel_tool_use\":true}}");
	g = ask_choice(&q, 0);
	assert_true(q.is_stream);
	assert_int_equal(g.input, INPUT_CHAT);
	assert_int_equal(g.max_tokens, 5);
	assert_int_equal(g.top_k, 7);
	assert_int_equal(g.apart, 1);
	assert_int_equal(g.enable_thinking, 0);
	assert_int_equal(g.tool_choice, TOOLS_REQUIRED);
	assert_int_equal(g.parallel_calls, PARALLEL_NO);
	assert_str(g.tools,
	    "[{\"type\":\"function\",\"function\":{\"name\":\"g\","
	    "\"description\":\"\",\"parameters\":{}}}]");
	c = strs_walk(g.stops);
	assert_true(strs_next(&c, &s) && str_is(s, "x"));
	assert_true(strs_next(&c, &s) && str_is(s, "yz"));
	assert_false(strs_next(&c, &s));
	ask_done(&q);
}

static void
fields_of_responses(void **state)
{
	struct ask q;
	struct gen_submit g;

	(void)state;
	must_read(&q, &ask_responses,
	    "{\"input\":\"a\",\"max_output_tokens\":9,\"store\":true,"
	    "\"reasoning\":{\"effort\":\"high\"},\"chat_template_kwargs\":"
	    "{\"x\":1,\"reasoning_effort\":\"low\"},\"text\":{\"format\":{"
	    "\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{\"a\":1}}},"
	    "\"tools\":[{\"type\":\"web_search\"},{\"type\":\"function\","
	    "\"name\":\"f\",\"strict\":true}],\"parallel_tool_calls\":false}");
	g = ask_choice(&q, 0);
	assert_int_equal(g.max_tokens, 9);
	assert_str(
	    g.template_kwargs, "{\"reasoning_effort\":\"high\",\"x\":1}");
	assert_str(g.json_schema, "{\"a\":1}");
	assert_str(g.tools,
	    "[{\"type\":\"function\",\"function\":{\"name\":\"f\","
	    "\"description\":\"\",\"parameters\":{}}}]");
	assert_int_equal(g.parallel_calls, PARALLEL_NO);
	ask_done(&q);
	must_read(&q, &ask_responses,
	    "{\"input\":\"a\",\"reasoning\":{\"effort\":\"none\"},"
	    "\"reasoning_format\":\"none\"}");
	g = ask_choice(&q, 0);
	assert_int_equal(g.max_tokens, 0);
	assert_int_equal(g.enable_thinking, 0);
	assert_int_equal(g.apart, 0);
	ask_done(&q);
}

static void
calls_are_gathered(void **state)
{
	const struct part parts[] = {
		{ .kind = PART_ARGUMENTS, .text = STR("nobody's") },
		{ .kind = PART_CALL, .id = STR("i"), .name = STR("f") },
		{ .kind = PART_ARGUMENTS, .text = STR("{\"a\"") },
		{ .kind = PART_ARGUMENTS, .text = STR(":1}") },
		{ .kind = PART_CALL,
		    .call = 1,
		    .id = STR("j"),
		    .name = STR("g") },
	};
	struct cursor at;
	struct calls all;
	struct call one;

	(void)state;
	calls_init(&all, 1024);
	assert_false(calls_any(&all));
	for (size_t i = 0; i < COUNT(parts); i++)
		calls_add(&all, &parts[i]);
	assert_true(calls_any(&all));
	at = calls_walk(&all);
	assert_true(calls_next(&at, &one));
	assert_str(one.id, "i");
	assert_str(one.name, "f");
	assert_str(one.arguments, "{\"a\":1}");
	assert_true(calls_next(&at, &one));
	assert_str(one.name, "g");
	assert_str(one.arguments, "");
	assert_false(calls_next(&at, &one));
	calls_done(&all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_of_anthropic),
		cmocka_unit_test(items_of_responses),
		cmocka_unit_test(bad_ones_are_named),
		cmocka_unit_test(fields_of_anthropic),
		cmocka_unit_test(fields_of_responses),
		cmocka_unit_test(calls_are_gathered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
