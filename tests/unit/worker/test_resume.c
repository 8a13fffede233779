/* A worker that takes over says what the dead one would have said: at every
 * token, with every kind of state. */
#include "world.h"

#include "../emulated.h"

#define CHUNK 16

static struct world *world;

/* The record as the front sends it again after `n` tokens of a run. */
static struct gen_submit
again(struct gen_submit g, const struct told *run, uint32_t n)
{
	g.resume = 1;
	g.tokens = (struct i32s){ run->prompt, run->n_prompt };
	g.done = (struct i32s){ run->tokens, n };
	g.mu = n > 0 ? run->mu[n - 1] : 0;
	return g;
}

static void
check_rest(const struct told *run, const struct told *rest, uint32_t n)
{
	size_t shown = n > 0 ? run->ends[n - 1] : 0;

	assert_int_equal(rest->err, 0);
	assert_int_equal(rest->reason, run->reason);
	assert_string_equal(rest->stop, run->stop);
	assert_int_equal(rest->n_prompt, 0);
	assert_int_equal(rest->n_tokens, run->n_tokens - n);
	assert_memory_equal(
	    rest->tokens, run->tokens + n, rest->n_tokens * sizeof(int32_t));
	assert_string_equal(rest->text, run->text + shown);
}

/* After every so many tokens, from the last on backwards. */
static void
check_each(const struct gen_submit *g, uint32_t stride)
{
	struct told run = *world_one(world, g);
	uint32_t n = run.n_tokens;

	if (is_emulated() && stride < 16)
		stride = 16;
	assert_int_equal(run.err, 0);
	assert_true(run.n_tokens > 0);
	for (;; n -= stride) {
		struct gen_submit rest = again(*g, &run, n);

		check_rest(&run, world_one(world, &rest), n);
		if (n < stride)
			break;
	}
}

static void
check_every_token(const struct gen_submit *g)
{
	check_each(g, 1);
}

static void
test_greedy(void **state)
{
	struct gen_submit g = world_story();

	(void)state;
	g.temperature = 0;
	check_every_token(&g);
}

static void
test_sampled(void **state)
{
	struct gen_submit g = world_story();

	(void)state;
	check_every_token(&g);
}

static void
test_penalties_and_xtc(void **state)
{
	struct gen_submit g = world_story();
	struct buf breakers;

	(void)state;
	buf_init(&breakers, 64);
	strs_put(&breakers, STR("."));
	g.dry_breakers.packed = buf_str(&breakers);
	g.dry_multiplier = 0.8F;
	g.repeat_penalty = 1.2F;
	g.frequency_penalty = 0.1F;
	g.xtc_probability = 0.5F;
	check_every_token(&g);
	buf_done(&breakers);
}

static void
test_mirostat(void **state)
{
	struct gen_submit g = world_story();

	(void)state;
	g.max_tokens = 40;
	g.mirostat = 1;
	check_every_token(&g);
	g.mirostat = 2;
	check_every_token(&g);
}

static void
test_grammar(void **state)
{
	struct gen_submit g = world_story();

	(void)state;
	g.ignore_eos = 0;
	g.json_schema = STR("{\"type\": \"object\", \"properties\": "
			    "{\"a\": {\"type\": \"integer\"}, \"b\": "
			    "{\"type\": \"boolean\"}}, \"required\": "
			    "[\"a\", \"b\"]}");
	check_every_token(&g);
}

/* To where ggml would attend by another routine: 512 tokens, if the model has
 * such a context. */
static void
test_long(void **state)
{
	struct gen_submit g = world_story();

	(void)state;
	skip_emulated("a context's worth of tokens, ten times");
	g.max_tokens = world->engine->m.n_ctx - 100;
	check_each(&g, 97);
}

/* Stop strings begin within one token and end in another. */
static void
test_stops(void **state)
{
	struct gen_submit g = world_story();
	struct told *run;
	struct buf stops;
	char stop[16];

	(void)state;
	g.temperature = 0;
	run = world_one(world, &g);
	assert_true(run->n_text > 110);
	memcpy(stop, run->text + 90, 15);
	buf_init(&stops, 256);
	strs_put(&stops, STR("this does not come"));
	strs_put(&stops, (struct str){ stop, 15 });
	g.stops.packed = buf_str(&stops);
	run = world_one(world, &g);
	assert_int_equal(run->reason, REASON_STOP);
	assert_true(run->n_text <= 90);
	check_every_token(&g);
	buf_done(&stops);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_greedy),
		cmocka_unit_test(test_sampled),
		cmocka_unit_test(test_penalties_and_xtc),
		cmocka_unit_test(test_mirostat),
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_stops),
		cmocka_unit_test(test_long),
	};
	int failed;

	world = calloc(1, sizeof(*world));
	failed = world_load(world, 2, CHUNK);
	if (failed == 0)
		failed = cmocka_run_group_tests(tests, NULL, NULL);
	engine_llama.free(world->engine);
	free(world);
	return failed;
}
