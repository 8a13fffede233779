/* The self-test tells rules that hold from those that do not, and falls back
 * to the one that needs the least. */
#include "world.h"

#include "worker/llama/identity.h"
#include "worker/llama/selftest.h"

/* As many rows as flash attention has another routine for. */
#define CHUNK 64

static struct world *world;

static bool
holds(enum plan_rule rule, enum kernels k)
{
	bool is_same = false;

	assert_int_equal(selftest_try(&world->engine->m, rule, k, &is_same), 0);
	return is_same;
}

static void
test_loaded(void **state)
{
	struct model *m = &world->engine->m;

	(void)state;
	assert_int_equal(m->rule, PLAN_ROWS);
	assert_string_equal(identity_class(m), "by rows");
	assert_true(holds(PLAN_ROWS, KERNELS_ROWS));
	assert_true(holds(PLAN_ROWS, KERNELS_DOTS));
	assert_int_equal(m->kernels, KERNELS_ROWS);
}

/* It needs nothing of the engine but that the same is the same. */
static void
test_shapes(void **state)
{
	(void)state;
	assert_true(holds(PLAN_SHAPES, KERNELS_OWN));
}

/* ggml's own choice of routines breaks the rule by rows, and that is seen. */
static void
test_own_kernels(void **state)
{
	(void)state;
	assert_false(holds(PLAN_ROWS, KERNELS_OWN));
}

/* A backend that takes no word on which attention to take, and so takes the
 * one of its own choice. */
static void
test_falls_back(void **state)
{
	struct model *m = &world->engine->m;
	ggml_backend_t cpu = m->cpu;

	(void)state;
	m->cpu = NULL;
	kernels_use(KERNELS_OWN, cpu);
	assert_int_equal(selftest_run(m, STR(""), NULL), 0);
	assert_int_equal(m->rule, PLAN_SHAPES);
	assert_string_equal(identity_class(m), "by shapes");
	m->cpu = cpu;
	assert_int_equal(selftest_run(m, STR(""), NULL), 0);
	assert_int_equal(m->rule, PLAN_ROWS);
}

/* On BULKHEAD_MODEL; tests/e2e/exact_by_shapes.sh runs the last on others. */
int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loaded),
		cmocka_unit_test(test_own_kernels),
		cmocka_unit_test(test_falls_back),
		cmocka_unit_test(test_shapes),
	};
	const struct CMUnitTest last[] = { cmocka_unit_test(test_shapes) };
	int failed;

	world = calloc(1, sizeof(*world));
	if (world == NULL)
		return 1;
	failed = world_load(world, 4, CHUNK);
	if (failed != 0)
		return failed == 77 ? 77 : 1;
	failed = world->by_shapes ? cmocka_run_group_tests(last, NULL, NULL)
				  : cmocka_run_group_tests(tests, NULL, NULL);
	engine_llama.free(world->engine);
	free(world);
	return failed;
}
