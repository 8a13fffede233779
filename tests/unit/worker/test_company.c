/* What a stream says does not depend on what runs beside it, or on where and
 * among whom it is resumed: each row of its logits has the same bits. */
#include "world.h"

#define N_SEQ 8
#define CHUNK 16
#define RUNS 8

static struct world *world;
static uint64_t dice = 1;

static uint32_t
roll(uint32_t n)
{
	dice = dice * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(dice >> 33) % n;
}

/* Streams that differ in length, sampling and prompt; the i-th is always the
 * same. */
static struct gen_submit
stream(uint32_t i)
{
	static const char *const asks[] = {
		"[{\"role\": \"user\", \"content\": \"Tell me a story.\"}]",
		"[{\"role\": \"user\", \"content\": \"A fox and a bear meet at "
		"the edge of a dark wood, and one of them is afraid. Tell me "
		"all of what happened then, and how they came home.\"}]",
		"[{\"role\": \"user\", \"content\": \"Hi\"}]",
	};
	struct gen_submit g = world_story();

	g.messages = str_of(asks[i % 3]);
	g.seed = 1000 + i;
	g.temperature = i % 4 == 0 ? 0 : 0.8F;
	g.max_tokens = 20 + 17 * i % 60;
	g.resume_mode = RESUME_EXACT;
	if (i % 5 == 3) {
		g.ignore_eos = 0;
		g.json_schema = STR("{\"type\": \"object\", \"properties\": "
				    "{\"a\": {\"type\": \"integer\"}}}");
	}
	return g;
}

/* From where `rest` took over. */
static void
check_same(const struct told *lone, const struct told *rest, uint32_t n)
{
	assert_int_equal(rest->err, 0);
	assert_int_equal(rest->reason, lone->reason);
	assert_int_equal(rest->n_tokens, lone->n_tokens - n);
	assert_memory_equal(
	    rest->tokens, lone->tokens + n, rest->n_tokens * sizeof(int32_t));
	assert_memory_equal(
	    rest->hashes, lone->hashes + n, rest->n_tokens * sizeof(uint64_t));
	for (uint32_t i = 0; i < rest->n_tokens; i++)
		assert_true(rest->hashes[i] != 0);
}

static struct told lone[RUNS];

static int
run_each_alone(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < RUNS; i++) {
		struct gen_submit g = stream(i);

		lone[i] = *world_one(world, &g);
		if (lone[i].err != 0 || lone[i].n_tokens == 0)
			return 1;
	}
	return 0;
}

static void
test_together(void **state)
{
	struct told *t[RUNS];

	(void)state;
	for (uint32_t i = 0; i < RUNS; i++)
		t[i] = world_submit(world, stream(i));
	world_run(world);
	for (uint32_t i = 0; i < RUNS; i++)
		check_same(&lone[i], t[i], 0);
}

static void
step_some(uint32_t n)
{
	for (; n > 0 && engine_llama.has_work(world->engine); n--)
		engine_llama.step(world->engine);
}

/* Random joins, parks and cancels; what is not cancelled says the same. */
static void
test_coming_and_going(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 3; round++) {
		struct told *t[RUNS];
		bool is_cut[RUNS] = { false };

		for (uint32_t i = 0; i < RUNS; i++) {
			t[i] = world_submit(world, stream(i));
			step_some(roll(12));
			if (roll(3) == 0) {
				is_cut[i] = t[i]->reason == 0;
				engine_llama.cancel(world->engine, t[i]->id);
			} else if (roll(3) == 0) {
				engine_llama.park(
				    world->engine, t[i]->id, true);
			}
		}
		step_some(roll(30));
		for (uint32_t i = 0; i < RUNS; i++)
			engine_llama.park(world->engine, t[i]->id, false);
		world_run(world);
		for (uint32_t i = 0; i < RUNS; i++)
			if (!is_cut[i])
				check_same(&lone[i], t[i], 0);
	}
}

/* The record that continues the i-th after n tokens, as the front sends it. */
static struct gen_submit
again(uint32_t i, uint32_t n, uint64_t *hashes)
{
	const struct told *run = &lone[i];
	struct gen_submit g = stream(i);
	uint32_t n_hashes = n < 8 ? n : 8;

	g.resume = 1;
	g.tokens = (struct i32s){ run->prompt, run->n_prompt };
	g.done = (struct i32s){ run->tokens, n };
	memcpy(hashes, run->hashes + n - n_hashes, n_hashes * sizeof(*hashes));
	g.hashes =
	    (struct str){ (const char *)hashes, n_hashes * sizeof(*hashes) };
	return g;
}

/* By shapes, a resume where a chunk has just filled computes no row again that
 * was sampled from: it has nothing to compare. */
static bool
has_verdict(uint32_t n_prompt, uint32_t n)
{
	return n > 0 &&
	    (!world->by_shapes || world->engine->m.is_one_way ||
		(n_prompt + n) % CHUNK != 0);
}

static void
check_verdict(const struct told *t, uint32_t n_prompt, uint32_t n)
{
	assert_int_equal(t->n_verdicts, has_verdict(n_prompt, n) ? 1 : 0);
	assert_true(t->n_verdicts == 0 || t->agrees);
}

/* Each at many places, while the others run or are resumed themselves. */
static void
test_resumes(void **state)
{
	uint64_t hashes[RUNS][8];

	(void)state;
	for (uint32_t n = 0; n < 80; n += 5) {
		struct told *t[RUNS];
		uint32_t at[RUNS];

		for (uint32_t i = 0; i < RUNS; i++) {
			at[i] = (n + 7 * i) % lone[i].n_tokens;
			t[i] = world_submit(world, again(i, at[i], hashes[i]));
			step_some(roll(4));
		}
		world_run(world);
		for (uint32_t i = 0; i < RUNS; i++) {
			check_same(&lone[i], t[i], at[i]);
			check_verdict(t[i], lone[i].n_prompt, at[i]);
		}
	}
}

/* A hash that is another is never passed over. */
static void
test_differing(void **state)
{
	uint64_t hashes[8];

	(void)state;
	for (uint32_t bad = 0; bad < 8; bad++) {
		struct gen_submit g = again(0, 15, hashes);
		struct told *t;

		hashes[bad] ^= 1;
		t = world_one(world, &g);
		assert_int_equal(t->n_verdicts, 1);
		assert_false(t->agrees);
		check_same(&lone[0], t, 15);
	}
}

/* Fast ones get no hashes; beside them the exact ones stay exact. */
static void
test_fast_beside_exact(void **state)
{
	struct told *t[RUNS];

	(void)state;
	for (uint32_t i = 0; i < RUNS; i++) {
		struct gen_submit g = stream(i);

		if (i % 2 == 1)
			g.resume_mode = RESUME_FAST;
		t[i] = world_submit(world, g);
	}
	world_run(world);
	for (uint32_t i = 0; i < RUNS; i++) {
		assert_int_equal(t[i]->err, 0);
		if (i % 2 == 0)
			check_same(&lone[i], t[i], 0);
		else
			assert_int_equal(t[i]->hashes[0], 0);
	}
}

/* With hashes of an exact run, a fast resume is said to be no longer so. */
static void
test_resumed_fast(void **state)
{
	uint64_t hashes[8];
	struct gen_submit g = again(0, 10, hashes);
	struct told *t;

	(void)state;
	g.resume_mode = RESUME_FAST;
	t = world_one(world, &g);
	assert_int_equal(t->err, 0);
	assert_int_equal(t->n_verdicts, 1);
	assert_false(t->agrees);
}

/* On BULKHEAD_MODEL; tests/e2e/exact_models.sh runs it on many others. */
int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_coming_and_going),
		cmocka_unit_test(test_resumes),
		cmocka_unit_test(test_differing),
		cmocka_unit_test(test_fast_beside_exact),
		cmocka_unit_test(test_resumed_fast),
	};
	int failed;

	world = calloc(1, sizeof(*world));
	if (world == NULL)
		return 1;
	failed = world_load(world, N_SEQ, CHUNK);
	if (failed != 0)
		return failed == 77 ? 77 : 1;
	failed = cmocka_run_group_tests(tests, run_each_alone, NULL);
	engine_llama.free(world->engine);
	free(world);
	return failed;
}
