/* A conversation goes on from its KV cache, from another worker's, from none:
 * it says the same. */
#include "world.h"

#include "../emulated.h"

#define CHUNK 16
#define KEY 7u

static struct world *world;

/* What the front has of a conversation. */
struct talk {
	int32_t history[MOST_TOKENS];
	uint32_t n;
	int32_t turns[MOST_TURNS];
	uint32_t n_turns;
};

static struct gen_submit
turn_of(const struct talk *talk, uint64_t key, const char *messages)
{
	struct gen_submit g = world_story();

	g.messages = str_of(messages);
	g.cache_key = key;
	g.history = (struct i32s){ talk->history, talk->n };
	g.turns = (struct i32s){ talk->turns, talk->n_turns };
	g.max_tokens = 30;
	return g;
}

/* A turn was said. */
static void
note(struct talk *talk, const struct told *t)
{
	memcpy(talk->history, t->prompt, t->n_prompt * sizeof(int32_t));
	memcpy(talk->history + t->n_prompt, t->tokens,
	    t->n_tokens * sizeof(int32_t));
	talk->n = t->n_prompt + t->n_tokens;
	memcpy(talk->turns, t->turns, t->n_turns * sizeof(int32_t));
	talk->n_turns = t->n_turns;
	talk->turns[talk->n_turns++] = (int32_t)t->n_prompt;
	talk->turns[talk->n_turns++] = (int32_t)talk->n;
}

#define SAY(text) "[{\"role\":\"user\",\"content\":\"" text "\"}]"

static const char *const said[] = { SAY("Tell me a story."),
	SAY("And then? What did they say to each other on the way home?"),
	SAY("Who was it?"), SAY("Good night.") };

static void
check_same(const struct told *a, const struct told *b)
{
	assert_int_equal(a->err, 0);
	assert_int_equal(b->err, 0);
	assert_string_equal(a->text, b->text);
	assert_int_equal(a->n_tokens, b->n_tokens);
	assert_memory_equal(
	    a->tokens, b->tokens, a->n_tokens * sizeof(int32_t));
	assert_memory_equal(
	    a->hashes, b->hashes, a->n_tokens * sizeof(uint64_t));
}

static bool
is_exact(void)
{
	return world->engine->m.rule != PLAN_FREE;
}

static void
test_cache_is_kept(void **state)
{
	struct talk talk = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		struct gen_submit g = turn_of(&talk, KEY, said[i]);
		struct gen_submit anew = turn_of(&talk, 0, said[i]);
		struct told run = *world_one(world, &g);
		struct told *other = world_one(world, &anew);

		assert_int_equal(other->n_cached, 0);
		assert_memory_equal(
		    run.prompt, talk.history, talk.n * sizeof(int32_t));
		assert_true(run.n_prompt > talk.n);
		if (i > 0 && is_exact() && !world->by_shapes)
			assert_int_equal(run.n_cached, talk.n - 1);
		if (is_exact())
			check_same(&run, other);
		note(&talk, &run);
	}
}

/* After each token of a second turn another worker goes on, which has nothing.
 */
static void
test_resume_of_a_turn(void **state)
{
	struct talk talk = { 0 };
	struct gen_submit g = turn_of(&talk, KEY, said[0]);
	struct told run = *world_one(world, &g);
	uint32_t step = is_emulated() ? 7 : 1;

	(void)state;
	note(&talk, &run);
	g = turn_of(&talk, KEY, said[1]);
	run = *world_one(world, &g);
	for (uint32_t n = 0; n < run.n_tokens; n += step) {
		struct gen_submit rest = g;
		struct told *t;

		rest.cache_key = n % 2 == 0 ? KEY + 1 : KEY;
		rest.resume = 1;
		rest.history = (struct i32s){ 0 };
		rest.tokens = (struct i32s){ run.prompt, run.n_prompt };
		rest.turns = (struct i32s){ run.turns, run.n_turns };
		rest.done = (struct i32s){ run.tokens, n };
		rest.hashes = (struct str){ (const char *)run.hashes,
			n * sizeof(run.hashes[0]) };
		t = world_one(world, &rest);
		assert_int_equal(t->err, 0);
		assert_int_equal(t->n_tokens, run.n_tokens - n);
		if (!is_exact())
			continue;
		assert_memory_equal(
		    t->tokens, run.tokens + n, t->n_tokens * sizeof(int32_t));
		assert_true(t->n_verdicts == 0 || t->agrees);
	}
}

/* Two sequences, three conversations: the one that was quiet for longest makes
 * way, and says the same all the same. */
static void
test_oldest_makes_way(void **state)
{
	struct talk talk[3] = { 0 };
	struct told first[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct gen_submit g = turn_of(&talk[i], 100 + i, said[i]);

		first[i] = *world_one(world, &g);
		note(&talk[i], &first[i]);
	}
	for (unsigned i = 3; i-- > 0;) {
		struct gen_submit g = turn_of(&talk[i], 100 + i, said[3]);

		first[i] = *world_one(world, &g);
		if (is_exact() && !world->by_shapes)
			assert_int_equal(first[i].n_cached > 0, i > 0);
	}
	for (unsigned i = 0; i < 3 && is_exact(); i++) {
		struct gen_submit g = turn_of(&talk[i], 0, said[3]);

		check_same(&first[i], world_one(world, &g));
	}
}

/* What was cut out of the middle is not computed with. */
static void
test_history_that_was_cut(void **state)
{
	struct talk talk = { 0 };
	struct gen_submit g = turn_of(&talk, KEY, said[0]);
	struct gen_submit anew;
	struct told run = *world_one(world, &g);

	(void)state;
	note(&talk, &run);
	memmove(talk.history + 20, talk.history + 30,
	    (talk.n - 30) * sizeof(int32_t));
	talk.n -= 10;
	talk.n_turns = 0;
	g = turn_of(&talk, KEY, said[1]);
	anew = turn_of(&talk, 0, said[1]);
	run = *world_one(world, &g);
	assert_true(run.n_cached <= 20);
	if (is_exact())
		check_same(&run, world_one(world, &anew));
}

/* Full again and again, from the end of a long conversation on. */
static void
check_shift(struct gen_submit g)
{
	struct told run, *t;
	uint32_t n_ctx = world->engine->m.n_ctx;

	g.may_shift = 1;
	g.max_tokens = MOST_TOKENS - 1;
	run = *world_one(world, &g);
	assert_int_equal(run.err, 0);
	assert_int_equal(run.n_tokens, g.max_tokens);
	assert_true(run.n_prompt + run.n_tokens > n_ctx + n_ctx / 2);
	for (uint32_t n = 5; n < run.n_tokens; n += 211) {
		struct gen_submit rest = g;

		rest.resume = 1;
		rest.history = (struct i32s){ 0 };
		rest.tokens = (struct i32s){ run.prompt, run.n_prompt };
		rest.done = (struct i32s){ run.tokens, n };
		rest.hashes = (struct str){ (const char *)run.hashes,
			n * sizeof(run.hashes[0]) };
		t = world_one(world, &rest);
		assert_int_equal(t->err, 0);
		assert_int_equal(t->n_tokens, run.n_tokens - n);
		if (!is_exact())
			continue;
		assert_true(t->n_verdicts == 0 || t->agrees);
		assert_memory_equal(
		    t->tokens, run.tokens + n, t->n_tokens * sizeof(int32_t));
	}
}

static void
test_shift(void **state)
{
	struct gen_submit g = world_story();

	(void)state;
	skip_emulated("a context full of tokens, again and again");
	check_shift(g);
	g.n_keep = 12;
	check_shift(g);
	g.n_keep = -1;
	g.cache_key = KEY;
	check_shift(g);
}

/* A conversation that does not fit loses what is old, or is refused. */
static void
test_long_history(void **state)
{
	static struct talk talk;
	struct gen_submit g;
	struct told run;
	uint32_t n_ctx = world->engine->m.n_ctx;

	(void)state;
	talk = (struct talk){ .n = n_ctx - 3 };
	for (uint32_t i = 0; i < talk.n; i++)
		talk.history[i] = (int32_t)(300 + i % 200);
	g = turn_of(&talk, KEY, said[1]);
	run = *world_one(world, &g);
	assert_int_equal(run.err, ERR_CONTEXT);
	assert_string_equal(run.field, "keep_history");
	g.may_shift = 1;
	g.n_keep = 10;
	run = *world_one(world, &g);
	assert_int_equal(run.err, 0);
	assert_int_equal(run.n_turns, 0);
	assert_true(run.n_prompt < n_ctx);
	assert_memory_equal(run.prompt, talk.history, 10 * sizeof(int32_t));
	assert_true(run.prompt[10] != talk.history[10]);
}

static void
test_bad_turns(void **state)
{
	struct talk talk = { .n = 8, .turns = { 5, 9 }, .n_turns = 2 };
	struct gen_submit g = turn_of(&talk, KEY, said[1]);
	struct told run;

	(void)state;
	run = *world_one(world, &g);
	assert_int_equal(run.err, ERR_INVALID);
	assert_string_equal(run.field, "turns");
	talk.history[2] = -5;
	talk.n_turns = 0;
	g = turn_of(&talk, KEY, said[1]);
	run = *world_one(world, &g);
	assert_int_equal(run.err, ERR_INVALID);
	assert_string_equal(run.field, "history");
}

/* Its tokens are what clear_kv_cache may keep. */
static void
test_system_prompt(void **state)
{
	struct talk talk = { 0 };
	struct gen_submit g = turn_of(&talk, KEY, said[0]);
	struct told run, other;

	(void)state;
	g.system = STR("You are a fox.");
	run = *world_one(world, &g);
	assert_int_equal(run.err, 0);
	g.messages = str_of(said[1]);
	other = *world_one(world, &g);
	assert_true(run.n_system > 4 && run.n_system < run.n_prompt);
	assert_int_equal(run.n_system, other.n_system);
	assert_memory_equal(
	    run.prompt, other.prompt, run.n_system * sizeof(int32_t));
	g.input = INPUT_PROMPT;
	g.prompt = STR("Hello!");
	run = *world_one(world, &g);
	assert_int_equal(run.err, 0);
	assert_true(run.n_system > 2 && run.n_system < run.n_prompt);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_is_kept),
		cmocka_unit_test(test_resume_of_a_turn),
		cmocka_unit_test(test_oldest_makes_way),
		cmocka_unit_test(test_history_that_was_cut),
		cmocka_unit_test(test_shift),
		cmocka_unit_test(test_long_history),
		cmocka_unit_test(test_bad_turns),
		cmocka_unit_test(test_system_prompt),
	};
	static struct world w;
	int err = world_load(&w, 2, CHUNK);

	world = &w;
	if (err != 0)
		return err;
	w.engine->m.n_ctx = 320; /* of the cells that there are */
	err = cmocka_run_group_tests(tests, NULL, NULL);
	engine_llama.free(w.engine);
	return err;
}
