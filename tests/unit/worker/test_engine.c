/* The llama engine on the demo model: many at once, ends, refusals. */
#include "world.h"

#include "../emulated.h"

#include <math.h>
#include <sys/mman.h>

#define N_SEQ 4

static struct world *world;

static void
test_describe(void **state)
{
	struct worker_ready d;

	(void)state;
	engine_llama.describe(world->engine, &d);
	assert_true(str_is(d.arch, "llama"));
	assert_int_equal(d.n_seq, N_SEQ);
	assert_int_equal(d.n_ctx, 1024);
	assert_int_equal(d.n_vocab, 1024);
	assert_int_equal(d.n_threads, 1);
	assert_int_equal(d.chunk, 32);
	assert_int_equal(d.exact, 1);
	assert_int_equal(d.has_template, 1);
	assert_true(d.n_params > 1000000 && d.size > 1000000);
}

static void
test_many(void **state)
{
	struct told *t[N_SEQ + 1];

	(void)state;
	for (uint32_t i = 0; i <= N_SEQ; i++) {
		struct gen_submit g = world_story();

		g.seed = i;
		g.max_tokens = 40 + i;
		t[i] = world_submit(world, g);
	}
	/* One more than there are slots. */
	assert_int_equal(t[N_SEQ]->err, ERR_BUSY);
	world_run(world);
	for (uint32_t i = 0; i < N_SEQ; i++) {
		assert_int_equal(t[i]->reason, REASON_LENGTH);
		assert_int_equal(t[i]->n_tokens, 40 + i);
		assert_true(t[i]->n_prompt > 5);
	}
	assert_string_not_equal(t[0]->text, t[1]->text);
}

static void
test_cancel(void **state)
{
	struct told *a = world_submit(world, world_story());
	struct told *b = world_submit(world, world_story());

	(void)state;
	while (a->n_tokens < 10)
		engine_llama.step(world->engine);
	engine_llama.cancel(world->engine, a->id);
	engine_llama.cancel(world->engine, a->id);
	engine_llama.cancel(world->engine, 999999);
	assert_int_equal(a->reason, REASON_CANCEL);
	assert_int_equal(a->n_tokens, 10);
	world_run(world);
	assert_int_equal(b->n_tokens, 60);
	/* Its slot is as good as new. */
	a = world_submit(world, world_story());
	world_run(world);
	assert_string_equal(a->text, b->text);
	a = world_submit(world, world_story());
	engine_llama.step(world->engine);
	engine_llama.cancel_all(world->engine);
	assert_int_equal(a->reason, 0);
	assert_false(engine_llama.has_work(world->engine));
}

static void
test_park(void **state)
{
	struct told *a = world_submit(world, world_story());
	struct told *b = world_submit(world, world_story());
	uint32_t was;

	(void)state;
	skip_emulated("a prompt of a thousand tokens");
	while (a->n_tokens < 5)
		engine_llama.step(world->engine);
	engine_llama.park(world->engine, a->id, true);
	was = a->n_tokens;
	world_run(world);
	assert_int_equal(a->n_tokens, was);
	assert_int_equal(b->n_tokens, 60);
	engine_llama.park(world->engine, a->id, false);
	world_run(world);
	assert_int_equal(a->n_tokens, 60);
}

/* A long prompt does not stop the others: a step after each chunk or two. */
static void
test_prefill_between_steps(void **state)
{
	static int32_t ids[1000];
	struct gen_submit g = world_story();
	struct told *a, *b;
	uint32_t was;

	(void)state;
	for (int i = 0; i < 1000; i++)
		ids[i] = 100 + i % 700;
	g.max_tokens = 900;
	a = world_submit(world, g);
	while (a->n_tokens < 5)
		engine_llama.step(world->engine);
	was = a->n_tokens;
	g.input = INPUT_TOKENS;
	g.tokens = (struct i32s){ ids, 1000 };
	b = world_submit(world, g);
	while (b->n_tokens == 0)
		engine_llama.step(world->engine);
	assert_true(a->n_tokens >= was + 8);
	engine_llama.cancel_all(world->engine);
}

static void
test_ends(void **state)
{
	static int32_t ids[1023];
	struct gen_submit g = world_story();
	struct told *t;

	(void)state;
	skip_emulated("a context full of tokens, twice");
	g.ignore_eos = 0;
	g.temperature = 0;
	g.max_tokens = 0;
	t = world_one(world, &g);
	assert_int_equal(t->reason, REASON_EOS);
	assert_true(t->n_tokens > 20 && t->n_tokens < 1000);
	assert_null(strstr(t->text, "<|"));
	/* The context is full. */
	g.ignore_eos = 1;
	t = world_one(world, &g);
	assert_int_equal(t->reason, REASON_LENGTH);
	assert_int_equal(t->n_prompt + t->n_tokens, 1024);
	for (int i = 0; i < 1023; i++)
		ids[i] = 7;
	g.input = INPUT_TOKENS;
	g.tokens = (struct i32s){ ids, 1023 };
	t = world_one(world, &g);
	assert_int_equal(t->reason, REASON_LENGTH);
	assert_int_equal(t->n_tokens, 1);
}

static void
test_grammars(void **state)
{
	struct gen_submit g = world_story();
	struct told *t;

	(void)state;
	g.ignore_eos = 0;
	g.grammar = STR("root ::= \"yes\" | \"no\"");
	t = world_one(world, &g);
	assert_int_equal(t->reason, REASON_EOS);
	assert_true(strcmp(t->text, "yes") == 0 || strcmp(t->text, "no") == 0);
	/* It would end, but its end is banned: that is an end too. */
	g.ignore_eos = 1;
	t = world_one(world, &g);
	assert_int_equal(t->reason, REASON_EOS);
	g.grammar = STR("");
	g.json_schema = STR("{}");
	g.max_tokens = 1;
	t = world_one(world, &g);
	assert_int_equal(t->text[0], '{');
}

static void
test_logprobs(void **state)
{
	struct gen_submit g = world_story();
	struct told *t;

	(void)state;
	g.temperature = 0;
	g.want_logprobs = 1;
	g.n_top_logprobs = 5;
	g.max_tokens = 1;
	t = world_one(world, &g);
	assert_int_equal(t->n_tops, 5);
	assert_true(t->logprob <= 0 && t->logprob > -5);
}

/* What llama.cpp leaves behind when a grammar is too complex: 80 bytes. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:llama_sampler_init_grammar\n";
}

struct refusal {
	const char *field;
	const char *why; /* a part of it */
	int err;
	struct gen_submit g;
};

#define CHAT(...)                                                     \
	{                                                             \
		.input = INPUT_CHAT, .repeat_penalty = 1, __VA_ARGS__ \
	}
#define HELLO .messages = STR("[{\"role\": \"user\", \"content\": \"hello\"}]")

static const struct refusal refusals[] = {
	{ "messages", "parse error", ERR_INVALID, CHAT(.messages = STR("[")) },
	{ "messages", "array", ERR_INVALID, CHAT(.messages = STR("{}")) },
	{ "messages", "content", ERR_INVALID,
	    CHAT(.messages = STR("[{\"role\": \"user\"}]")) },
	{ "chat_template_kwargs", "object", ERR_INVALID,
	    CHAT(HELLO, .template_kwargs = STR("[1]")) },
	{ "grammar", "expecting", ERR_INVALID,
	    CHAT(HELLO, .grammar = STR("root ::= )")) },
	{ "grammar", "root", ERR_INVALID,
	    CHAT(HELLO, .grammar = STR("x ::= \"a\"")) },
	{ "grammar", "left recursion", ERR_INVALID,
	    CHAT(HELLO, .grammar = STR("root ::= root \"a\"")) },
	/* Each once made llama.cpp allocate without end. */
	{ "grammar", "too complex", ERR_INVALID,
	    CHAT(HELLO,
		.grammar = STR("root ::= a root \"x\" | \"y\"\n"
			       "a ::= \"z\"?")) },
	{ "grammar", "too complex", ERR_INVALID,
	    CHAT(HELLO, .grammar = STR("root ::= \"a\"{3,1}")) },
	{ "grammar", "too complex", ERR_INVALID,
	    CHAT(HELLO,
		.json_schema = STR("{\"type\": \"string\","
				   " \"minLength\": 5, \"maxLength\": 1}")) },
	{ "grammar", "too complex to find", ERR_INVALID,
	    CHAT(HELLO,
		.grammar = STR("root ::= s\n"
			       "s ::= [a-z ] s | [a-z ] s [a-z ]? | [a-z ]")) },
	{ "json_schema", "parse error", ERR_INVALID,
	    CHAT(HELLO, .json_schema = STR("{")) },
	{ "json_schema", "foo", ERR_INVALID,
	    CHAT(HELLO, .json_schema = STR("{\"type\": \"foo\"}")) },
	{ "temperature", "nan", ERR_INVALID, CHAT(HELLO, .temperature = NAN) },
	{ "prompt", "empty", ERR_INVALID,
	    { .input = INPUT_PROMPT, .repeat_penalty = 1 } },
	{ "prompt", "not UTF-8 at byte 1", ERR_INVALID,
	    { .input = INPUT_PROMPT,
		.prompt = STR("a\xff"),
		.repeat_penalty = 1 } },
	{ "prompt", "at least one", ERR_INVALID,
	    { .input = INPUT_TOKENS, .repeat_penalty = 1 } },
};

static void
test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *r = &refusals[i];
		const struct told *t = world_one(world, &r->g);

		assert_int_equal(t->err, r->err);
		assert_string_equal(t->field, r->field);
		if (strstr(t->why, r->why) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", r->why, t->why);
	}
}

static void
check_refused(const struct gen_submit *g, int err, const char *why)
{
	const struct told *t = world_one(world, g);

	assert_int_equal(t->err, err);
	if (strstr(t->why, why) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", why, t->why);
}

static void
test_too_much(void **state)
{
	static int32_t ids[2000];
	static char deep[100000];
	struct gen_submit g = world_story();

	(void)state;
	g.input = INPUT_TOKENS;
	g.tokens = (struct i32s){ ids, 1024 };
	check_refused(&g, ERR_CONTEXT, "1024 tokens do not fit");
	ids[3] = 1024;
	check_refused(&g, ERR_INVALID, "prompt[3]: token id 1024");
	memset(deep, '[', sizeof(deep));
	g.input = INPUT_CHAT;
	g.messages = (struct str){ deep, sizeof(deep) };
	check_refused(&g, ERR_INVALID, "deeper than 100");
	memset(deep, '(', sizeof(deep));
	g = world_story();
	g.grammar = (struct str){ deep, sizeof(deep) };
	check_refused(&g, ERR_INVALID, "deeper than 100");
	g = world_story();
	g.input = INPUT_PROMPT;
	g.prompt = (struct str){ deep, sizeof(deep) };
	check_refused(&g, ERR_CONTEXT, "do not fit");
	/* A resume that says more than there can have been. */
	g = world_story();
	g.resume = 1;
	g.tokens = (struct i32s){ ids + 10, 5 };
	g.done = (struct i32s){ ids + 10, 61 };
	check_refused(&g, ERR_INVALID, "over after 60");
}

/* A head, and rubbish behind it. */
static void
test_broken_file(void **state)
{
	static const char bytes[64] = "GGUF\3\0\0\0\1\0\0\0\0\0\0\0\1";
	struct worker_load cfg = {
		.path = STR("x.gguf"), .n_seq = 1, .chunk = 64
	};
	struct engine_events events = { 0 };
	struct engine *e = NULL;
	struct fail why = { 0 };
	int fd = memfd_create("model", MFD_CLOEXEC);
	struct files files = { .model = fd };

	(void)state;
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(
	    engine_llama.load(&e, &cfg, &files, &events, NULL, &why),
	    ERR_LOAD_FAILED);
	assert_null(e);
	assert_non_null(strstr(why.text, "x.gguf: cannot be loaded"));
	cfg.n_seq = 100000;
	assert_int_equal(
	    engine_llama.load(&e, &cfg, &files, &events, NULL, &why),
	    ERR_INVALID);
	(void)close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_park),
		cmocka_unit_test(test_prefill_between_steps),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_grammars),
		cmocka_unit_test(test_logprobs),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_broken_file),
	};
	int failed;

	world = calloc(1, sizeof(*world));
	failed = world_load(world, N_SEQ, 32);
	if (failed == 0)
		failed = cmocka_run_group_tests(tests, NULL, NULL);
	engine_llama.free(world->engine);
	free(world);
	return failed;
}
