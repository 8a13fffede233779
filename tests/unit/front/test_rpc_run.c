/*
 * Runs and changes of the model: the streamed bytes, abort, errors, what waits
 * for what, slow and vanished clients, a worker's death, the end of the server.
 */
#include "rpc_world.h"

#define CALL(id, method, params)                                        \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\"," \
	"\"params\":" params "}\n"
#define RUN(id) CALL(id, "rkllm.run", "[{\"prompt_input\":\"x\"}]")
#define RESULT(id, result) \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":" result "}\n"
#define ARRAYS                                                          \
	",\"last_hidden_layer\":{\"hidden_states\":null,\"embd_size\":" \
	"0,\"num_tokens\":0},\"logits\":{\"logits\":null,"              \
	"\"vocab_size\":0,\"num_tokens\":0},\"perf\":"
#define REPLY(id, text, token, state)                         \
	RESULT(id,                                            \
	    "{\"text\":" text ",\"token_id\":" token ARRAYS   \
	    "{\"prefill_time_ms\":0.0,\"prefill_tokens\":0,"  \
	    "\"generate_time_ms\":0.0,\"generate_tokens\":0," \
	    "\"memory_usage_mb\":0.0},\"_callback_state\":" state "}")
/* As worker_ends() has it. */
#define LAST(id, token)                                        \
	RESULT(id,                                             \
	    "{\"text\":null,\"token_id\":" token ARRAYS        \
	    "{\"prefill_time_ms\":1.5,\"prefill_tokens\":3,"   \
	    "\"generate_time_ms\":2.25,\"generate_tokens\":2," \
	    "\"memory_usage_mb\":50.0},\"_callback_state\":2}")
#define STARTED "{\"success\":true,\"message\":\"Async inference started\"}"
#define ABORTED                                                          \
	"{\"success\":true,\"message\":\"Task aborted successfully\",\"" \
	"status_code\":0}"
#define DESTROYED \
	"{\"success\":true,\"message\":\"Model destroyed successfully\"}"
#define INITIALIZED \
	"{\"success\":true,\"message\":\"Model initialized successfully\"}"

static int
set_up(void **state)
{
	struct world *w = world_new(&world_config);

	load(w, "[]");
	*state = w;
	return 0;
}

/* Starts a run up to the worker's slot; its generation's id. */
static uint64_t
run(struct world *w, const char *request)
{
	struct gen_submit s;

	say(w, request);
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	worker_starts(w, s.gen);
	return s.gen;
}

static void
streams_these_bytes(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN("7"));

	assert_heard(w, "");
	worker_steps(w, g, 412, "Once", 0);
	assert_heard(w, REPLY("7", "\"Once\"", "412", "0"));
	worker_steps(w, g, 5, "", STEP_HELD);
	assert_heard(w, REPLY("7", "null", "5", "1"));
	worker_steps(w, g, 6, "\u20ac \"\n\\\x01", STEP_HELD);
	assert_heard(w, REPLY("7", "\"\u20ac \\\"\\n\\\\\\u0001\"", "6", "0"));
	worker_steps(w, g, 0, "", 0);
	assert_heard(w, REPLY("7", "\"\"", "0", "0"));
	worker_ends(w, g, REASON_EOS, "");
	assert_heard(w, LAST("7", "0"));
}

/* What the worker still held back at the end is text like any other. */
static void
held_text_comes_before_the_last(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN("\"a\\\"b\""));

	worker_steps(w, g, 9, "", STEP_HELD);
	worker_ends(w, g, REASON_LENGTH, "\xef\xbf\xbd");
	assert_heard(w,
	    REPLY("\"a\\\"b\"", "null", "9", "1") REPLY("\"a\\\"b\"",
		"\"\xef\xbf\xbd\"", "9", "0") LAST("\"a\\\"b\"", "9"));
}

static void
async_says_so_first(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w,
	    CALL("1.0", "rkllm.run_async",
		"[null,{\"prompt_input\":\"x\"},null,null]"));

	worker_steps(w, g, 1, "a", 0);
	worker_ends(w, g, REASON_EOS, "");
	assert_heard(w,
	    RESULT("1.0", STARTED) REPLY("1.0", "\"a\"", "1", "0")
		LAST("1.0", "1"));
}

static void
runs_interleave_by_id(void **state)
{
	struct world *w = *state;
	uint64_t a = run(w, RUN("1"));
	uint64_t b = run(w, RUN("2"));

	worker_steps(w, b, 10, "b", 0);
	worker_steps(w, a, 11, "a", 0);
	worker_ends(w, a, REASON_EOS, "");
	worker_steps(w, b, 12, "c", 0);
	assert_heard(w,
	    REPLY("2", "\"b\"", "10", "0") REPLY("1", "\"a\"", "11", "0")
		LAST("1", "11") REPLY("2", "\"c\"", "12", "0"));
}

static void
a_notification_runs_in_silence(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"rkllm.run\","
	    "\"params\":[{\"prompt_input\":\"x\"}]}");

	say(w, CALL("1", "rkllm.is_running", "[]"));
	worker_steps(w, g, 1, "a", 0);
	worker_ends(w, g, REASON_EOS, "b");
	assert_heard(w, RESULT("1", "{\"is_running\":true,\"status_code\":1}"));
	g = run(w,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"rkllm.run\","
	    "\"params\":[{\"prompt_input\":\"x\"}]}");
	worker_fails(w, g, ERR_CONTEXT, "", "too long");
	say(w, CALL("1", "rkllm.is_running", "[]"));
	assert_heard(
	    w, RESULT("1", "{\"is_running\":false,\"status_code\":0}"));
}

/* One element of the array for each request; the streams follow as lines. */
static void
runs_in_a_batch(void **state)
{
	struct world *w = *state;
	struct gen_submit s, t;

	say(w,
	    "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rkllm.run\","
	    "\"params\":[{\"prompt_input\":\"x\"}]},"
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"rkllm.run_async\","
	    "\"params\":[{\"prompt_input\":\"y\"}]}]");
	assert_heard(w,
	    "[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" STARTED "},"
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":" STARTED "}]\n");
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	worker_starts(w, s.gen);
	worker_hears(w, MSG_GEN_SUBMIT, &t);
	worker_starts(w, t.gen);
	worker_steps(w, t.gen, 3, "q", 0);
	worker_ends(w, s.gen, REASON_EOS, "");
	assert_heard(w, REPLY("2", "\"q\"", "3", "0") LAST("1", "0"));
}

static void
abort_ends_all(void **state)
{
	struct world *w = *state;
	struct gen_cancel c;
	uint64_t a = run(w, RUN("1"));
	uint64_t b = run(w, RUN("2"));

	worker_steps(w, a, 4, "x", 0);
	say(w, CALL("3", "rkllm.abort", "[null]"));
	worker_hears(w, MSG_GEN_CANCEL, &c);
	assert_int_equal(c.gen, a);
	worker_hears(w, MSG_GEN_CANCEL, &c);
	assert_int_equal(c.gen, b);
	worker_ends(w, a, REASON_CANCEL, "");
	worker_ends(w, b, REASON_CANCEL, "");
	assert_heard(w,
	    REPLY("1", "\"x\"", "4", "0") RESULT("3", ABORTED) LAST("1", "4")
		LAST("2", "0"));
	say(w, CALL("4", "rkllm.abort", "[]"));
	assert_heard(w,
	    RESULT("4",
		"{\"success\":false,\"message\":\"No task is "
		"running\",\"status_code\":-1}"));
}

static void
abort_reaches_one_that_waits(void **state)
{
	struct world *w = *state;

	run(w, RUN("1"));
	run(w, RUN("2"));
	say(w, RUN("3"));
	assert_true(worker_hears_nothing(w));
	say(w, CALL("4", "rkllm.abort", "[]"));
	assert_hears(w, "\"id\":3,\"result\":{\"text\":null");
}

static void
errors_end_a_run(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN("1"));

	worker_steps(w, g, 4, "x", 0);
	worker_fails(w, g, ERR_GAVE_UP, "", "gave \"up\"");
	assert_heard(w,
	    REPLY("1", "\"x\"", "4",
		"0") "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32006,"
		     "\"message\":\"gave \\\"up\\\"\"}}\n");
	g = run(w, RUN("2"));
	worker_fails(w, g, ERR_INVALID, "tokens", "not in the vocabulary");
	assert_heard(w,
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32602,"
	    "\"message\":\"not in the vocabulary\",\"data\":{\"field\":"
	    "\"token_input.input_ids\"}}}\n");
}

static void
ids_that_do_not_fit_are_refused_at_once(void **state)
{
	struct world *w = *state;
	char text[1024] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
			  "\"rkllm.run\",\"params\":[{\"input_type\":1,"
			  "\"token_input\":{\"input_ids\":[1";

	for (int i = 1; i < 100; i++)
		strcat(text, ",1");
	strcat(text, "]}}]}");
	say(w, text);
	assert_heard(w,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32602,"
	    "\"message\":\"token_input.input_ids: 100 tokens do not fit into the "
	    "context of 100, which must have room for one more\","
	    "\"data\":{\"field\":\"token_input.input_ids\"}}}\n");
	assert_true(worker_hears_nothing(w));
}

static void
limits_are_errors(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++)
		say(w, RUN("1"));
	assert_heard(w, "");
	say(w, RUN("2"));
	assert_hears(w,
	    "\"id\":2,\"error\":{\"code\":-32002,\"message\":\"3 "
	    "runs of this connection are not done");
}

/* The client sees a pause: not a byte is lost or sent twice. */
static void
a_workers_death_shows_nowhere(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	uint64_t g = run(w, RUN("1"));

	worker_steps(w, g, 4, "x", 0);
	model_is(w, MODEL_RESTARTING, 0);
	model_is(w, MODEL_UP, 0);
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	assert_int_equal(s.resume, 1);
	assert_int_equal(s.done.n, 1);
	worker_starts(w, g);
	worker_steps(w, g, 5, "y", 0);
	worker_ends(w, g, REASON_EOS, "");
	assert_heard(w,
	    REPLY("1", "\"x\"", "4", "0") REPLY("1", "\"y\"", "5", "0")
		LAST("1", "5"));
}

static void
destroy_ends_runs_first(void **state)
{
	struct world *w = *state;
	struct model_drop d;
	uint64_t g = run(w, RUN("1"));

	say(w, CALL("2", "rkllm.destroy", "[null]"));
	say(w, RUN("3"));
	assert_heard(w, "");
	worker_ends(w, g, REASON_CANCEL, "");
	keeper_hears(w, MSG_MODEL_DROP, &d);
	assert_int_equal(d.model, 7);
	assert_heard(w,
	    LAST("1", "0") RESULT("2",
		DESTROYED) "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":-32000,"
			   "\"message\":\"no model is loaded; call rkllm.init "
			   "first\"}}\n");
	say(w, CALL("4", "rkllm.destroy", "[]"));
	assert_hears(w, "\"id\":4,\"error\":{\"code\":-32000");
}

/* A client may send init and run at once. */
static void
a_run_waits_for_the_init_before_it(void **state)
{
	struct world *w = *state;
	struct model_want want;
	struct model_drop drop;
	struct gen_submit s;

	say(w,
	    CALL("1", "rkllm.init", "[{\"temperature\":0}]") RUN("2")
		CALL("3", "rkllm.is_running", "[]"));
	assert_heard(w, "");
	keeper_hears(w, MSG_MODEL_WANT, &want);
	model_is(w, MODEL_UP, want.ref);
	keeper_hears(w, MSG_MODEL_DROP, &drop);
	worker_hears(w, MSG_GEN_SUBMIT, &s);
	assert_true(s.temperature == 0.0f);
	assert_heard(w,
	    RESULT("1", INITIALIZED)
		RESULT("3", "{\"is_running\":true,\"status_code\":1}"));
}

static void
a_batch_waits_in_its_middle(void **state)
{
	struct world *w = *state;
	struct model_want want;

	say(w,
	    "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rkllm.init\"},"
	    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"rkllm.abort\"},"
	    "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"rkllm.destroy\"}]");
	assert_heard(w, "");
	keeper_hears(w, MSG_MODEL_WANT, &want);
	model_is(w, MODEL_UP, want.ref);
	assert_heard(w,
	    "[{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"success\":false,"
	    "\"message\":\"No task is running\",\"status_code\":-1}},"
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" INITIALIZED "},"
	    "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":" DESTROYED "}]\n");
}

static void
one_init_at_a_time(void **state)
{
	struct world *w = *state;

	say(w, CALL("1", "rkllm.init", "[]") CALL("2", "rkllm.init", "[]"));
	assert_hears(w, "\"id\":2,\"error\":{\"code\":-32002");
}

static void
no_init_while_something_runs(void **state)
{
	struct world *w = *state;

	run(w, RUN("1"));
	say(w, CALL("2", "rkllm.init", "[]"));
	assert_hears(w, "\"id\":2,\"error\":{\"code\":-32002");
}

/* A failed init leaves what was loaded. */
static void
a_failed_init_costs_nothing(void **state)
{
	struct world *w = *state;
	struct model_want want;
	struct model_state failed = { .err = ERR_FILE,
		.status = MODEL_FAILED,
		.text = STR("/m/y.gguf: is a directory") };

	say(w, CALL("1", "rkllm.init", "[{\"model_path\":\"/m/y.gguf\"}]"));
	keeper_hears(w, MSG_MODEL_WANT, &want);
	failed.ref = want.ref;
	keeper_says(w, MSG_MODEL_STATE, &failed, -1);
	assert_heard(w,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32001,"
	    "\"message\":\"/m/y.gguf: is a directory\",\"data\":{\"field\":"
	    "\"model_path\"}}}\n");
	run(w, RUN("2"));
}

static void
a_client_that_vanishes_takes_its_work_along(void **state)
{
	struct world *w = *state;
	struct gen_cancel c;
	struct model_drop d;
	uint64_t g = run(w, RUN("1"));

	close(w->client);
	w->client = -1;
	worker_hears(w, MSG_GEN_CANCEL, &c);
	assert_int_equal(c.gen, g);
	keeper_hears(w, MSG_MODEL_DROP, &d);
	worker_steps(w, g, 1, "late", 0);
	worker_ends(w, g, REASON_CANCEL, "");
	assert_int_equal(w->f.n_gens, 0);
}

/* Also while it waits for a model, with a message behind that. */
static void
a_client_that_vanishes_in_an_init(void **state)
{
	struct world *w = *state;
	struct model_unwant u;
	struct model_want want;
	struct model_drop d;

	say(w,
	    "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rkllm.init\"},"
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"rkllm.destroy\"}]");
	keeper_hears(w, MSG_MODEL_WANT, &want);
	conn_free_all(&w->f);
	keeper_hears(w, MSG_MODEL_UNWANT, &u);
	assert_int_equal(u.ref, want.ref);
	keeper_hears(w, MSG_MODEL_DROP, &d);
	/* It was up before the keeper heard of it. */
	model_is(w, MODEL_UP, want.ref);
	keeper_hears(w, MSG_MODEL_DROP, &d);
}

/* And in one that nobody is told of: its batch is over before it. */
static void
a_client_that_vanishes_in_a_notified_init(void **state)
{
	struct world *w = *state;
	struct model_unwant u;
	struct model_want want;

	say(w, "[{\"jsonrpc\":\"2.0\",\"method\":\"rkllm.init\"}]");
	keeper_hears(w, MSG_MODEL_WANT, &want);
	conn_free_all(&w->f);
	keeper_hears(w, MSG_MODEL_UNWANT, &u);
	model_is(w, MODEL_UP, want.ref);
}

static void
a_slow_reader_parks_its_runs(void **state)
{
	struct world *w = *state;
	struct gen_park p;
	char text[3001];
	uint64_t g = run(w, RUN("1"));
	size_t want = 0, got = 0;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 1000 && w->f.metrics.generations_parked_total == 0;
	     i++, want++)
		worker_steps(w, g, i, text, 0);
	worker_hears(w, MSG_GEN_PARK, &p);
	assert_int_equal(p.gen, g);
	for (int i = 0; i < 2000 && got < want; i++)
		for (const char *at = hear(w); (at = strchr(at, '\n')); at++)
			got++;
	assert_int_equal(got, want);
	worker_hears(w, MSG_GEN_UNPARK, &p);
	worker_ends(w, g, REASON_EOS, "");
	assert_hears(w, "\"_callback_state\":2");
}

/* It may still read: everything that is owed comes, then the end. */
static void
half_close_waits_for_the_stream(void **state)
{
	struct world *w = *state;
	uint64_t g = run(w, RUN("1"));

	shutdown(w->client, SHUT_WR);
	worker_steps(w, g, 4, "x", 0);
	assert_heard(w, REPLY("1", "\"x\"", "4", "0"));
	worker_ends(w, g, REASON_EOS, "");
	assert_heard(w, LAST("1", "4"));
	assert_true(is_closed(w));
}

static void
a_stopping_server_takes_nothing_new(void **state)
{
	struct world *w = *state;
	struct front_drain d = { .timeout_ms = 60000 };
	struct front_drained drained;
	uint64_t g = run(w, RUN("1"));

	keeper_says(w, MSG_FRONT_DRAIN, &d, -1);
	say(w, RUN("2") CALL("3", "rkllm.init", "[]"));
	assert_hears(w, "\"id\":3,\"error\":{\"code\":-32002");
	worker_ends(w, g, REASON_EOS, "");
	assert_heard(w, LAST("1", "0"));
	assert_true(is_closed(w));
	keeper_hears(w, MSG_FRONT_DRAINED, &drained);
	assert_int_equal(drained.ended, 0);
}

/* What had come by then is answered. */
static void
a_stopping_server_answers_what_waits(void **state)
{
	struct world *w = *state;
	struct front_drain d = { .timeout_ms = 60000 };
	uint64_t g = run(w, RUN("1"));

	say(w,
	    CALL("2", "rkllm.destroy", "[]") RUN("3")
		CALL("4", "rkllm.get_kv", "[]"));
	keeper_says(w, MSG_FRONT_DRAIN, &d, -1);
	assert_heard(w, "");
	worker_ends(w, g, REASON_CANCEL, "");
	assert_hears(w,
	    DESTROYED "}\n{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":"
		      "{\"code\":-32002,\"message\":\"the server is "
		      "stopping; it takes no new work\"}}\n"
		      "{\"jsonrpc\":\"2.0\",\"id\":4,\"error\"");
	assert_true(is_closed(w));
}

static void
a_stop_that_cannot_wait(void **state)
{
	struct world *w = *state;
	struct front_drain d = { .timeout_ms = 0 };

	run(w, RUN("1"));
	keeper_says(w, MSG_FRONT_DRAIN, &d, -1);
	assert_hears(w,
	    "\"id\":1,\"error\":{\"code\":-32002,\"message\":\"the "
	    "server is stopping");
	assert_true(is_closed(w));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(streams_these_bytes),
		TEST(held_text_comes_before_the_last),
		TEST(async_says_so_first),
		TEST(runs_interleave_by_id),
		TEST(a_notification_runs_in_silence),
		TEST(runs_in_a_batch),
		TEST(abort_ends_all),
		TEST(abort_reaches_one_that_waits),
		TEST(errors_end_a_run),
		TEST(ids_that_do_not_fit_are_refused_at_once),
		TEST(limits_are_errors),
		TEST(a_workers_death_shows_nowhere),
		TEST(destroy_ends_runs_first),
		TEST(a_run_waits_for_the_init_before_it),
		TEST(a_batch_waits_in_its_middle),
		TEST(one_init_at_a_time),
		TEST(no_init_while_something_runs),
		TEST(a_failed_init_costs_nothing),
		TEST(a_client_that_vanishes_takes_its_work_along),
		TEST(a_client_that_vanishes_in_an_init),
		TEST(a_client_that_vanishes_in_a_notified_init),
		TEST(a_slow_reader_parks_its_runs),
		TEST(half_close_waits_for_the_stream),
		TEST(a_stopping_server_takes_nothing_new),
		TEST(a_stopping_server_answers_what_waits),
		TEST(a_stop_that_cannot_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
