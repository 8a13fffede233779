/*
 * JSON-RPC as such: framing, ids, batches, notifications, errors. No model.
 */
#include "rpc_world.h"

#define REQUEST "{\"jsonrpc\":\"2.0\","
#define CHECK REQUEST "\"id\":%s,\"method\":\"rkllm.is_running\"}"
#define NOT_LOADED                                                   \
	"{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":-32000," \
	"\"message\":\"no model is loaded; call rkllm.init first\"}}"

static int
set_up(void **state)
{
	log_init("test", LOG_ERROR);
	*state = world_new(&world_config);
	return 0;
}

static const char *
with_id(const char *format, const char *id)
{
	static char text[4][2048];
	static unsigned at;
	char *out = text[at++ % 4];

	(void)snprintf(out, sizeof(text[0]), format, id);
	return out;
}

/* Whatever a client uses for an id comes back as it was written. */
static void
ids_come_back_as_sent(void **state)
{
	static const char *const ids[] = { "0", "-1", "1.0", "1e3", "1E+3",
		"9007199254740993", "123456789012345678901234567890",
		"0.10000000000000000001", "null", "\"\"", "\"a\\u0041\\n\"",
		"\"\\\"},{\"", "\"\u00fc\"", "\"]\\\\\"" };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		say(w, with_id(CHECK "\n", ids[i]));
		assert_heard(w, with_id(NOT_LOADED "\n", ids[i]));
	}
	/* Not the first member, other members with brackets before it. */
	say(w,
	    "{\"params\":[{\"id\":4}],\"x\":\"\\\"id\\\":5\",\"\\u0069d\" : "
	    "1.50 ,\"method\":\"rkllm.abort\",\"jsonrpc\":\"2.0\"}");
	assert_heard(w, with_id(NOT_LOADED "\n", "1.50"));
}

static void
bad_ids_are_refused_without_one(void **state)
{
	static const char *const ids[] = { "[1]", "{}", "true" };
	struct world *w = *state;
	char longest[1200];

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		say(w, with_id(CHECK, ids[i]));
		assert_heard(w,
		    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":"
		    "-32600,\"message\":\"id: must be a number, a string or "
		    "null\"}}\n");
	}
	memset(longest, '"', sizeof(longest));
	memset(longest + 1, 'x', 1023);
	longest[1025] = '\0';
	say(w, with_id(CHECK, longest));
	assert_hears(w, "\"id\":null,\"error\":{\"code\":-32600");
	longest[1023] = '"';
	longest[1024] = '\0';
	say(w, with_id(CHECK, longest));
	assert_heard(w, with_id(NOT_LOADED "\n", longest));
}

struct wrong {
	const char *sent;
	const char *reply; /* a part of it */
};

static void
invalid_requests(void **state)
{
	static const struct wrong cases[] = {
		{ "1", "\"id\":null,\"error\":{\"code\":-32600" },
		{ "\"x\"", "\"id\":null,\"error\":{\"code\":-32600" },
		{ "null", "\"id\":null,\"error\":{\"code\":-32600" },
		{ "{}", "\"id\":null,\"error\":{\"code\":-32600" },
		{ "[]", "\"id\":null,\"error\":{\"code\":-32600" },
		{ "{\"id\":1,\"method\":\"rkllm.abort\"}",
		    "\"id\":1,\"error\":{\"code\":-32600,\"message\":\"jsonrpc:" },
		{ "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"rkllm.abort\"}",
		    "\"id\":1,\"error\":{\"code\":-32600,\"message\":\"jsonrpc:" },
		{ REQUEST "\"id\":1}",
		    "\"id\":1,\"error\":{\"code\":-32600,\"message\":\"method:" },
		{ REQUEST "\"method\":1}",
		    "\"id\":null,\"error\":{\"code\":-32600" },
		{ REQUEST "\"id\":1,\"method\":\"rkllm.fly\"}",
		    "\"error\":{\"code\":-32601,\"message\":\"method not found: "
		    "\\\"rkllm.fly\\\"; see" },
		{ REQUEST "\"id\":1,\"method\":\"rkllm.abort\",\"params\":7}",
		    "\"code\":-32602,\"message\":\"params: must be" },
		{ REQUEST "\"id\":1,\"method\":\"rkllm.abort\","
			  "\"params\":[null,null,null]}",
		    "\"code\":-32602,\"message\":\"params: rkllm.abort takes" },
		{ "{\"a\":1,\"a\":2}",
		    "\"id\":null,\"error\":{\"code\":-32700" },
		{ "{\"a\":nul}", "\"code\":-32700" },
		{ "{\"a\":\"\\ud800\"}", "\"code\":-32700" },
		{ "{\"a\":\"\xff\"}", "\"code\":-32700" },
		{ "{\"a\":\"\\u0000\"}", "\"code\":-32700" },
		{ "{\"a\":1e999}", "\"code\":-32700" },
		{ "}\n", "\"code\":-32700" },
		{ "hello, {}, []\n", "\"code\":-32700" },
		{ "\"a line\nbreak\"\n", "\"code\":-32700" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say(w, cases[i].sent);
		say(w, "\n");
		assert_hears(w, cases[i].reply);
		/* It hurt nothing. */
		say(w, with_id(CHECK, "\"next\""));
		assert_heard(w, with_id(NOT_LOADED "\n", "\"next\""));
	}
}

static void
too_deep_is_over_a_limit(void **state)
{
	struct world *w = *state;
	char deep[200];

	memset(deep, '[', sizeof(deep));
	deep[65] = '\n';
	deep[66] = '\0';
	say(w, deep);
	assert_hears(w, "\"code\":-32002,\"message\":\"nested deeper than 64");
	say(w, with_id(CHECK, "1"));
	assert_heard(w, with_id(NOT_LOADED "\n", "1"));
}

static void
too_long_closes(void **state)
{
	struct world *w = *state;
	char text[5000];

	memset(text, ' ', sizeof(text));
	text[0] = '[';
	text[4096] = '\0';
	say(w, text);
	assert_heard(w, "");
	say(w, "]  ");
	assert_hears(w, "\"id\":null,\"error\":{\"code\":-32002");
	assert_true(is_closed(w));
}

/* Its connection is not closed: runs may go on there. */
static void
what_there_is_no_memory_for_is_read_to_its_end_and_not_kept(void **state)
{
	struct front_config config = little_memory();
	struct world *w;

	(void)state;
	w = world_new(&config);
	say(w, "[\"");
	say_much(w, 160000);
	assert_heard(w, "");
	assert_int_equal(w->f.intake, 160002 - 65536);
	say_much(w, 200000);
	assert_hears(w,
	    "a client at most half and no more than is left free; try again, "
	    "or send fewer large ones at once\","
	    "\"data\":{\"retry_after_ms\":1000}}}\n");
	assert_int_equal(w->f.intake, 0);
	assert_int_equal(w->f.metrics.refused_input_total, 1);
	say(w, with_id("\", {}]" CHECK "[", "1"));
	assert_heard(w, with_id(NOT_LOADED "\n", "1"));
	say(w, "]");
	assert_hears(w, "an empty batch");
	/* Over the ceiling it is closed as any other. */
	say(w, "[\"");
	say_much(w, 400000);
	assert_hears(w, "a message of over 400000 bytes, the limit; closing");
	assert_true(is_closed(w));
	assert_int_equal(w->f.metrics.refused_input_total, 2);
	world_free(w);
}

static void
what_is_not_kept_has_to_end_too(void **state)
{
	struct front_config config = little_memory();
	struct world *w;

	(void)state;
	config.request_ms = 200;
	w = world_new(&config);
	say(w, "[\"");
	say_much(w, 300000);
	assert_hears(w, "--input-max");
	assert_int_equal(shutdown(w->client, SHUT_WR), 0);
	assert_heard(w, "");
	assert_true(is_closed(w));
	connect_client(w);
	say(w, "[\"");
	say_much(w, 300000);
	assert_hears(w, "--input-max");
	usleep(210000);
	assert_hears(w, "was not finished within 200 ms");
	assert_true(is_closed(w));
	world_free(w);
}

static void
never_finished_closes(void **state)
{
	struct front_config config = world_config;
	struct world *w;

	(void)state;
	config.request_ms = 1;
	w = world_new(&config);
	say(w, with_id(CHECK, "1"));
	assert_heard(w, with_id(NOT_LOADED "\n", "1"));
	usleep(5000);
	assert_heard(w, ""); /* between messages there is all the time */
	say(w, "{");
	usleep(5000);
	assert_hears(w, "\"code\":-32002,\"message\":\"a message was not");
	assert_true(is_closed(w));
	world_free(w);
}

static void
notifications_get_no_reply(void **state)
{
	struct world *w = *state;

	say(w, REQUEST "\"method\":\"rkllm.get_constants\"}");
	say(w, REQUEST "\"method\":\"rkllm.is_running\"}");
	say(w, REQUEST "\"method\":\"rkllm.fly\",\"params\":[]}");
	say(w, REQUEST "\"method\":\"rkllm.run\",\"params\":7}");
	say(w,
	    "[" REQUEST "\"method\":\"rkllm.abort\"}," REQUEST
	    "\"method\":\"rkllm.fly\"}]");
	assert_heard(w, "");
}

static void
batches_are_answered_in_one(void **state)
{
	struct world *w = *state;
	char want[1024];

	say(w,
	    "[" REQUEST "\"id\":1,\"method\":\"rkllm.abort\"}, 5,\n" REQUEST
	    "\"method\":\"rkllm.abort\"},"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"rkllm.abort\",\"id\":\"b\"}]");
	(void)snprintf(want, sizeof(want), "[%s,%s,%s]\n",
	    with_id(NOT_LOADED, "1"),
	    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,"
	    "\"message\":\"a request must be an object\"}}",
	    with_id(NOT_LOADED, "\"b\""));
	assert_heard(w, want);
}

static void
batches_have_a_limit(void **state)
{
	struct world *w = *state;
	char text[2200];
	size_t n = 0;

	for (int i = 0; i < 1025; i++)
		n += (size_t)sprintf(text + n, "%s1", i == 0 ? "[" : ",");
	say(w, strcat(text, "]"));
	assert_hears(w, "\"id\":null,\"error\":{\"code\":-32002");
}

/* The same replies, wherever the stream is cut. */
static void
every_split_gives_the_same(void **state)
{
	static const char stream[] = REQUEST
	    "\"id\":1.0,\"method\":\"rkllm.get_constants\"}\r\n" REQUEST
	    "\"id\":\"\u00fc\\\"]}\",\"method\":\"rkllm.createDefaultParam\","
	    "\"params\":[]}[" REQUEST "\"id\":2,\"method\":\"rkllm.abort\"},{}]"
	    "{\"a\":tru}  7 \"s\" nonsense ] {\n" REQUEST
	    "\"id\":3,\"method\":\"rkllm.abort\"}\n\n[]true\nfalse\n";
	struct world *w = *state;
	char *whole;

	say(w, stream);
	whole = strdup(hear(w));
	for (size_t cut = 1; cut < sizeof(stream) - 1; cut++) {
		char head[sizeof(stream)];

		memcpy(head, stream, cut);
		head[cut] = '\0';
		say(w, head);
		say(w, stream + cut);
		assert_heard(w, whole);
	}
	for (size_t i = 0; i < sizeof(stream) - 1; i++) {
		char one[2] = { stream[i], '\0' };

		say(w, one);
	}
	assert_heard(w, whole);
	free(whole);
}

static void
half_close_ends_the_connection(void **state)
{
	struct world *w = *state;

	say(w, with_id(CHECK, "1"));
	say(w, "123");
	shutdown(w->client, SHUT_WR);
	assert_hears(w, "\"id\":null,\"error\":{\"code\":-32600");
	assert_true(is_closed(w));
}

static void
half_a_message_at_the_end_is_an_error(void **state)
{
	struct world *w = *state;

	say(w, "{\"jsonrpc\":");
	shutdown(w->client, SHUT_WR);
	assert_hears(w, "\"id\":null,\"error\":{\"code\":-32700");
	assert_true(is_closed(w));
}

static void
refused_clients_are_told(void **state)
{
	struct world *w = *state;
	char text[256] = "";
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	refuse_fd(&w->f, pair[0], rpc_refusal());
	assert_true(read(pair[1], text, sizeof(text) - 1) > 0);
	assert_string_equal(text,
	    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32002,"
	    "\"message\":\"too many clients; try again later\","
	    "\"data\":{\"retry_after_ms\":1000}}}\n");
	close(pair[1]);
}

static void
constants_are_rockchips(void **state)
{
	struct world *w = *state;

	say(w, REQUEST "\"id\":1,\"method\":\"rkllm.get_constants\"}");
	assert_heard(w,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"CPU_MASKS\":{"
	    "\"CPU0\":1,\"CPU1\":2,\"CPU2\":4,\"CPU3\":8,\"CPU4\":16,"
	    "\"CPU5\":32,\"CPU6\":64,\"CPU7\":128},\"LLM_CALL_STATES\":{"
	    "\"RKLLM_RUN_NORMAL\":0,\"RKLLM_RUN_WAITING\":1,"
	    "\"RKLLM_RUN_FINISH\":2,\"RKLLM_RUN_ERROR\":3},\"INPUT_TYPES\":{"
	    "\"RKLLM_INPUT_PROMPT\":0,\"RKLLM_INPUT_TOKEN\":1,"
	    "\"RKLLM_INPUT_EMBED\":2,\"RKLLM_INPUT_MULTIMODAL\":3},"
	    "\"INFER_MODES\":{\"RKLLM_INFER_GENERATE\":0,"
	    "\"RKLLM_INFER_GET_LAST_HIDDEN_LAYER\":1,"
	    "\"RKLLM_INFER_GET_LOGITS\":2}}}\n");
}

static void
status_is_told_without_a_model(void **state)
{
	struct world *w = *state;

	say(w, REQUEST "\"id\":1,\"method\":\"bulkhead.status\"}");
	assert_hears(w,
	    "\"keeper\":{\"pid\":1,\"cgroups\":null},\"front\":{\"pid\":2,\"restarts\":0,"
	    "\"last_death\":null,\"died_unix\":0,\"crash_id\":null,"
	    "\"jail\":{\"layers\":[],\"missing\":[]},"
	    "\"clients\":1},\"models\":[],"
	    "\"listeners\":[],\"generations\":0,\"draining\":false}}\n");
	model_is(w, MODEL_UP, 0);
	say(w, REQUEST "\"id\":1,\"method\":\"bulkhead.status\"}");
	assert_hears(w,
	    "\"models\":[{\"id\":7,\"name\":\"demo\",\"path\":\"/m/demo.gguf\","
	    "\"state\":\"up\",\"error\":null,\"pid\":42,\"restarts\":0,"
	    "\"last_death\":null,\"died_unix\":0,\"crash_id\":null,"
	    "\"jail\":{\"layers\":[],\"missing\":[]},"
	    "\"aliases\":[],\"tags\":[],\"hidden\":false,"
	    "\"retired\":false,\"mmproj\":null,"
	    "\"unusable\":null,");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(ids_come_back_as_sent),
		TEST(bad_ids_are_refused_without_one),
		TEST(invalid_requests),
		TEST(too_deep_is_over_a_limit),
		TEST(too_long_closes),
		cmocka_unit_test(
		    what_there_is_no_memory_for_is_read_to_its_end_and_not_kept),
		cmocka_unit_test(what_is_not_kept_has_to_end_too),
		cmocka_unit_test(never_finished_closes),
		TEST(notifications_get_no_reply),
		TEST(batches_are_answered_in_one),
		TEST(batches_have_a_limit),
		TEST(every_split_gives_the_same),
		TEST(half_close_ends_the_connection),
		TEST(half_a_message_at_the_end_is_an_error),
		TEST(refused_clients_are_told),
		TEST(constants_are_rockchips),
		TEST(status_is_told_without_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
