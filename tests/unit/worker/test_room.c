/* What a model is given when nobody says; and a model with a state is asked
 * what that takes. */
#include "world.h"

#include "worker/llama/room.h"

#define MANY 64
#define LONG 8192

static struct world *world;

static void
test_shares(void **state)
{
	struct room r = { .token = 1000, .state = 0, .most = 1u << 30 };

	(void)state;
	assert_int_equal(room_ctx(&r, 2048, 0), 2048);
	assert_int_equal(room_ctx(&r, 1u << 20, 0), LONG);
	assert_int_equal(room_ctx(&r, 0, 0), 512);
	assert_int_equal(room_seqs(&r, 2048), MANY);
	/* Half of it is for 64 of them. */
	assert_int_equal(room_seqs(&r, 2 * LONG), MANY);
	r.token = 100 * 1000;
	assert_int_equal(room_ctx(&r, LONG, 0), 2048);
	assert_int_equal(room_ctx(&r, LONG, 1), LONG);
	assert_int_equal(room_seqs(&r, 2048), 5);
	/* Not even one fits, and one there must be. */
	assert_int_equal(room_ctx(&r, LONG, 1000), 512);
	assert_int_equal(room_seqs(&r, 1u << 20), 1);
}

/* A state counts as often as there are sequences, whatever their length. */
static void
test_states(void **state)
{
	struct room r = { .token = 0, .state = 50u << 20, .most = 1u << 30 };

	(void)state;
	assert_int_equal(room_seqs(&r, 512), 20);
	assert_int_equal(room_seqs(&r, LONG), 20);
	assert_int_equal(room_ctx(&r, LONG, 0), LONG);
	r.token = 10 * 1000;
	assert_int_equal(room_seqs(&r, LONG), 7);
}

/* The engine's own word, beside what is reckoned for models without. */
static void
test_measured(void **state)
{
	struct model *m = &world->engine->m;
	struct room reckoned, measured;

	(void)state;
	assert_int_equal(room_of(m->weights, false, &reckoned), 0);
	assert_int_equal(room_of(m->weights, true, &measured), 0);
	assert_int_equal(measured.most, reckoned.most);
	printf("%llu bytes a token, %llu of state\n",
	    (unsigned long long)measured.token,
	    (unsigned long long)measured.state);
	/* Beside its bytes, a few that say what they are. */
	if (m->is_one_way) {
		assert_true(measured.state > 1000);
		return;
	}
	assert_true(measured.state < 1000);
	assert_in_range(measured.token, reckoned.token, reckoned.token + 100);
}

/* On BULKHEAD_MODEL; tests/e2e/exact_models.sh runs it on many others. */
int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_measured),
	};
	int failed;

	world = calloc(1, sizeof(*world));
	if (world == NULL)
		return 1;
	failed = world_load(world, 2, 16);
	if (failed != 0)
		return failed == 77 ? 77 : 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	engine_llama.free(world->engine);
	free(world);
	return failed;
}
