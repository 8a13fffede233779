/* Adapters and prompt caches of clients: what the keeper is asked, who holds
 * what, and how a run that is to be saved begins and ends. */
#include "rpc_world.h"

#include "base/clock.h"

#define CALL(id, method, params)                                        \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\"," \
	"\"params\":" params "}\n"
#define LORA(id, path, name, scale)           \
	CALL(id, "rkllm.load_lora",           \
	    "[{\"lora_adapter_path\":\"" path \
	    "\",\"lora_adapter_name\":\"" name "\",\"scale\":" scale "}]")
#define RUN(id, infer) \
	CALL(id, "rkllm.run", "[{\"prompt_input\":\"x\"},{" infer "}]")
#define USES(name) "\"lora_params\":{\"lora_adapter_name\":\"" name "\"}"
#define SAVES                                               \
	"\"prompt_cache_params\":{\"save_prompt_cache\":1," \
	"\"prompt_cache_path\":\"p\"}"
#define CACHE(id) CALL(id, "rkllm.load_prompt_cache", "[\"p\"]")

static int
set_up(void **state)
{
	struct world *w = world_new(&world_config);

	model_is(w, MODEL_UP, 0);
	load(w, "[{}]");
	*state = w;
	return 0;
}

/* The keeper is asked for a file; its ref. */
static uint32_t
asked(struct world *w, enum attach_kind kind, const char *path)
{
	struct model_attach a;

	keeper_hears(w, MSG_MODEL_ATTACH, &a);
	assert_int_equal(a.model, 7);
	assert_int_equal(a.kind, kind);
	assert_true(str_is(a.path, path));
	return a.ref;
}

static void
answer(struct world *w, uint32_t ref, uint32_t id, int err)
{
	struct model_attached m = { .ref = ref,
		.model = 7,
		.id = id,
		.err = err,
		.text = err != 0 ? STR("adapter /a: bad") : STR(""),
		.crash_id = err != 0 ? STR("crash-1") : STR("") };

	keeper_says(w, MSG_MODEL_ATTACHED, &m, -1);
}

static void
given_back(struct world *w, uint32_t id)
{
	struct model_detach d;

	keeper_hears(w, MSG_MODEL_DETACH, &d);
	assert_int_equal(d.model, 7);
	assert_int_equal(d.id, id);
}

static bool
keeper_hears_nothing(struct world *w)
{
	struct frame fr;

	turn(w);
	return chan_recv(w->keeper, &fr) == ERR_AGAIN;
}

static void
adapter(struct world *w, const char *request, const char *path, uint32_t id)
{
	say(w, request);
	answer(w, asked(w, ATTACH_LORA, path), id, 0);
	assert_hears(w, "\"success\":true");
}

static uint64_t
begun(struct world *w, struct gen_submit *ret)
{
	worker_hears(w, MSG_GEN_SUBMIT, ret);
	worker_starts(w, ret->gen);
	return ret->gen;
}

static void
a_run_has_the_one_it_names(void **state)
{
	struct world *w = *state;
	struct gen_submit s;

	adapter(w, LORA("1", "/a", "a", "0.5"), "/a", 16);
	adapter(w, LORA("2", "/b", "b", "2"), "/b", 17);
	say(w, RUN("3", USES("b")));
	(void)begun(w, &s);
	assert_int_equal(s.adapters.n, 1);
	assert_int_equal(s.adapters.p[0].token, 17);
	assert_true(s.adapters.p[0].bias == 2.0f);
	say(w, RUN("4", ""));
	(void)begun(w, &s);
	assert_int_equal(s.adapters.n, 0);
	say(w, RUN("5", USES("c")));
	assert_hears(w,
	    "\"code\":-32602,\"message\":\"lora_params.lora_adapter"
	    "_name: no adapter \\\"c\\\" is loaded; loaded: a, b");
}

static void
what_needs_it_waits(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	uint32_t ref;

	say(w, LORA("1", "/a", "a", "1") RUN("2", USES("a")));
	ref = asked(w, ATTACH_LORA, "/a");
	assert_true(worker_hears_nothing(w));
	say(w, CALL("3", "rkllm.get_constants", "[]"));
	assert_heard(w, "");
	answer(w, ref, 16, 0);
	(void)begun(w, &s);
	assert_int_equal(s.adapters.p[0].token, 16);
	assert_hears(w, "\"id\":3");
}

static void
errors_have_codes_and_fields(void **state)
{
	struct world *w = *state;

	say(w, LORA("1", "/a", "a", "1"));
	answer(w, asked(w, ATTACH_LORA, "/a"), 0, ERR_FILE);
	assert_heard(w,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32004,"
	    "\"message\":\"adapter /a: bad\",\"data\":{\"field\":"
	    "\"lora_adapter_path\",\"crash_id\":\"crash-1\"}}}\n");
	say(w, LORA("1", "/a", "a", "1"));
	answer(w, asked(w, ATTACH_LORA, "/a"), 0, ERR_BUSY);
	assert_hears(w, "\"code\":-32002");
	say(w, CACHE("1"));
	answer(w, asked(w, ATTACH_CACHE, "p"), 0, ERR_FILE);
	assert_hears(w, "\"field\":\"prompt_cache_path\"");
	say(w, RUN("1", SAVES));
	answer(w, asked(w, ATTACH_SAVE, "p"), 0, ERR_FILE);
	assert_hears(w, "\"field\":\"prompt_cache_params.prompt_cache_path\"");
	assert_true(worker_hears_nothing(w));
	assert_true(keeper_hears_nothing(w));
}

static void
a_run_keeps_what_it_began_with(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	uint64_t gen;

	adapter(w, LORA("1", "/a", "a", "1"), "/a", 16);
	say(w, RUN("2", USES("a")));
	gen = begun(w, &s);
	adapter(w, LORA("3", "/b", "a", "1"), "/b", 17);
	assert_true(keeper_hears_nothing(w));
	worker_ends(w, gen, REASON_EOS, "");
	given_back(w, 16);
	say(w, CALL("4", "rkllm.destroy", "[]"));
	given_back(w, 17);
}

static void
one_that_is_lost_is_not_given_back(void **state)
{
	struct world *w = *state;
	struct model_drop drop;

	adapter(w, LORA("1", "/a", "a", "1"), "/a", 16);
	answer(w, 0, 16, ERR_FILE);
	say(w, RUN("2", USES("a")));
	assert_hears(w, "\"code\":-32004,\"message\":\"adapter /a: bad\"");
	say(w, CALL("3", "rkllm.destroy", "[]"));
	keeper_hears(w, MSG_MODEL_DROP, &drop);
}

static void
who_goes_away_gives_back(void **state)
{
	struct world *w = *state;
	struct model_drop drop;
	uint32_t ref;

	adapter(w, LORA("1", "/a", "a", "1"), "/a", 16);
	say(w, LORA("2", "/b", "b", "1"));
	ref = asked(w, ATTACH_LORA, "/b");
	close(w->client);
	w->client = -1;
	turn(w);
	given_back(w, 16);
	keeper_hears(w, MSG_MODEL_DROP, &drop);
	answer(w, ref, 17, 0);
	given_back(w, 17);
}

static void
a_cache_goes_with_runs_until_it_is_released(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	uint64_t gen;

	say(w, CACHE("1"));
	answer(w, asked(w, ATTACH_CACHE, "p"), 16, 0);
	assert_heard(w,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"success\":true,"
	    "\"message\":\"Prompt cache loaded successfully\","
	    "\"cache_path\":\"p\"}}\n");
	say(w, RUN("2", ""));
	gen = begun(w, &s);
	assert_int_equal(s.cache, 16);
	say(w, CALL("3", "rkllm.release_prompt_cache", "[null]"));
	assert_hears(w, "\"success\":true");
	assert_true(keeper_hears_nothing(w));
	worker_ends(w, gen, REASON_EOS, "");
	given_back(w, 16);
	say(w, CALL("4", "rkllm.release_prompt_cache", "[]"));
	assert_hears(w,
	    "\"code\":-32004,\"message\":\"no prompt cache is "
	    "loaded");
	say(w, RUN("5", ""));
	(void)begun(w, &s);
	assert_int_equal(s.cache, 0);
}

/* A run that has been given its place, and has begun. */
static uint64_t
saving(struct world *w, const char *request)
{
	struct gen_submit s;
	uint32_t ref;

	say(w, request);
	ref = asked(w, ATTACH_SAVE, "p");
	assert_true(worker_hears_nothing(w));
	answer(w, ref, 16, 0);
	(void)begun(w, &s);
	assert_int_equal(s.save, 16);
	assert_true(s.adapters.n == 0 && s.input == INPUT_CHAT);
	return s.gen;
}

static void
is_saved(struct world *w, int err)
{
	struct model_saved s = { .model = 7,
		.id = 16,
		.err = err,
		.text = err != 0 ? STR("prompt cache p: full") : STR("") };

	keeper_says(w, MSG_MODEL_SAVED, &s, -1);
}

static void
a_run_that_is_saved_ends_when_it_is(void **state)
{
	struct world *w = *state;
	uint64_t gen = saving(w, RUN("1", SAVES));

	worker_steps(w, gen, 4, "x", 0);
	worker_ends(w, gen, REASON_EOS, "y");
	assert_hears(w, "\"text\":\"y\"");
	say(w, CALL("2", "rkllm.is_running", "[]"));
	assert_hears(w, "\"is_running\":true");
	is_saved(w, 0);
	assert_hears(w, "\"id\":1,\"result\":{\"text\":null");
	given_back(w, 16);
}

/* Turns the loop until the client has heard it. */
static void
await(struct world *w, const char *part)
{
	uint64_t until = clock_ms() + 20000;
	const char *got = hear(w);

	while (strstr(got, part) == NULL) {
		assert_string_equal(got, "");
		assert_true(clock_ms() < until);
		got = hear(w);
	}
}

static void
or_hears_why_it_is_not(void **state)
{
	struct world *w = *state;
	uint64_t gen = saving(w, RUN("1", SAVES));

	is_saved(w, ERR_FILE);
	worker_steps(w, gen, 4, "x", 0);
	assert_hears(w, "\"text\":\"x\"");
	worker_ends(w, gen, REASON_EOS, "");
	assert_heard(w,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32004,"
	    "\"message\":\"prompt cache p: full\"}}\n");
	given_back(w, 16);
	/* And where the model is gone before it is known. */
	gen = saving(w, RUN("2", SAVES));
	worker_ends(w, gen, REASON_EOS, "");
	assert_heard(w, "");
	model_is(w, MODEL_GONE, 0);
	assert_hears(w, "\"id\":2,\"error\":{\"code\":-32000");
}

/* Nothing else happens then: the answer must not wait for it. */
static void
nobody_waits_for_ever(void **state)
{
	struct world *w = *state;
	uint64_t gen;

	w->f.save_wait_ms = 1;
	gen = saving(w, RUN("1", SAVES));
	worker_ends(w, gen, REASON_EOS, "");
	await(w,
	    "\"id\":1,\"error\":{\"code\":-32002,\"message\":"
	    "\"the prompt cache was not written in time\"");
	given_back(w, 16);
	is_saved(w, 0);
	assert_heard(w, "");
}

static void
who_waits_for_a_place_has_a_deadline(void **state)
{
	struct world *w = *state;
	uint32_t ref;

	say(w, RUN("1", SAVES ",\"timeout_ms\":1"));
	ref = asked(w, ATTACH_SAVE, "p");
	await(w,
	    "\"id\":1,\"error\":{\"code\":-32002,\"message\":"
	    "\"timeout_ms: after 0.001 s");
	answer(w, ref, 16, 0);
	given_back(w, 16);
	assert_true(worker_hears_nothing(w));
	say(w, CALL("2", "rkllm.is_running", "[]"));
	assert_hears(w, "\"is_running\":false");
}

static void
who_asks_meanwhile_waits(void **state)
{
	struct world *w = *state;
	struct gen_submit s;
	uint32_t ref;
	uint64_t gen;

	say(w,
	    CALL("1", "rkllm.run_async",
		"[{\"prompt_input\":\"x\"},{" SAVES "}]") CALL("2",
		"rkllm.is_running", "[]") CALL("3", "rkllm.abort", "[]"));
	ref = asked(w, ATTACH_SAVE, "p");
	assert_heard(w, "");
	answer(w, ref, 16, 0);
	gen = begun(w, &s);
	assert_hears(w, "\"is_running\":true");
	worker_ends(w, gen, REASON_CANCEL, "");
	/* One that was aborted may never get so far: nothing is waited for. */
	assert_hears(w, "\"id\":1,\"result\":{\"text\":null");
	given_back(w, 16);
}

static void
who_goes_away_before_it_begins(void **state)
{
	struct world *w = *state;
	struct model_drop drop;
	uint32_t ref;

	say(w, RUN("1", SAVES));
	ref = asked(w, ATTACH_SAVE, "p");
	close(w->client);
	w->client = -1;
	turn(w);
	keeper_hears(w, MSG_MODEL_DROP, &drop);
	answer(w, ref, 16, 0);
	given_back(w, 16);
	assert_true(worker_hears_nothing(w));
}

/* Its last run waits for its file, and it has an adapter too: what settles the
 * one ends the run, the run the connection's model, and that frees the other. */
static void
leaving(struct world *w)
{
	uint64_t gen = saving(w, RUN("1", SAVES));

	worker_ends(w, gen, REASON_EOS, "");
	adapter(w, LORA("2", "/a", "a", "1"), "/a", 17);
	say(w, CALL("3", "rkllm.destroy", "[]"));
	assert_heard(w, "");
}

static void
has_left(struct world *w, const char *end)
{
	const char *got = hear(w);

	assert_non_null(strstr(got, end));
	assert_non_null(strstr(got, "\"id\":3,\"result\""));
}

static void
who_leaves_when_a_file_is_lost(void **state)
{
	struct world *w = *state;

	leaving(w);
	answer(w, 0, 16, ERR_FILE);
	has_left(w, "\"id\":1,\"error\":{\"code\":-32004");
	given_back(w, 17);
}

static void
who_leaves_when_the_model_goes(void **state)
{
	struct world *w = *state;

	leaving(w);
	model_is(w, MODEL_GONE, 0);
	has_left(w, "\"id\":1,\"error\":{\"code\":-32000");
}

int
main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_run_has_the_one_it_names),
		TEST(what_needs_it_waits),
		TEST(errors_have_codes_and_fields),
		TEST(a_run_keeps_what_it_began_with),
		TEST(one_that_is_lost_is_not_given_back),
		TEST(who_goes_away_gives_back),
		TEST(a_cache_goes_with_runs_until_it_is_released),
		TEST(a_run_that_is_saved_ends_when_it_is),
		TEST(or_hears_why_it_is_not),
		TEST(nobody_waits_for_ever),
		TEST(who_waits_for_a_place_has_a_deadline),
		TEST(who_asks_meanwhile_waits),
		TEST(who_goes_away_before_it_begins),
		TEST(who_leaves_when_a_file_is_lost),
		TEST(who_leaves_when_the_model_goes),
	};

	log_init("test", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
