/* Whenever a worker takes over, the KV cache comes to be of the same batches
 * as in the run without the fault. Tried for every small case. */
#include "worker/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOST 64

/* What a cell of the KV cache was computed in. */
struct shape {
	uint32_t from;
	uint32_t n;
};

struct cache {
	struct shape cells[MOST];
	uint32_t n_past;
	struct shape last; /* whose last row is sampled from */
};

/* Decodes until all known tokens are in. */
static void
fill(struct cache *c, const struct plan *p, uint32_t n_known)
{
	for (;;) {
		struct plan_op op = plan_next(p, c->n_past, n_known);

		if (op.kind == PLAN_NOTHING)
			break;
		assert_true(op.n > 0 && op.from <= c->n_past);
		assert_true(op.from + op.n > c->n_past);
		assert_true(op.from + op.n <= n_known);
		assert_true(op.kind != PLAN_SINGLE || op.n == 1);
		assert_true(op.kind != PLAN_CHUNK ||
		    (op.n == p->chunk && op.from % p->chunk == 0));
		assert_true(!p->is_one_way || op.from == c->n_past);
		c->last = (struct shape){ op.from, op.n };
		for (uint32_t i = 0; i < op.n; i++)
			c->cells[op.from + i] = c->last;
		c->n_past = op.from + op.n;
	}
	assert_int_equal(c->n_past, n_known);
}

static void
check_same(const struct cache *a, const struct cache *b)
{
	assert_int_equal(a->n_past, b->n_past);
	assert_memory_equal(
	    a->cells, b->cells, a->n_past * sizeof(a->cells[0]));
	assert_int_equal(a->last.from, b->last.from);
	assert_int_equal(a->last.n, b->last.n);
}

/* At each length: a resume from nothing, beside the run that went on. */
static void
check_run(struct plan p, uint32_t n_out)
{
	struct cache run = { 0 };

	for (uint32_t known = p.n_prompt; known <= p.n_prompt + n_out;
	     known++) {
		struct cache resumed = { 0 };

		fill(&run, &p, known);
		fill(&resumed, &p, known);
		check_same(&run, &resumed);
	}
}

static void
test_every_small_case(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= 9; n++) {
		for (uint32_t prompt = 1; prompt <= 30; prompt++) {
			check_run((struct plan){ n, prompt, false, 0 }, 30);
			check_run((struct plan){ n, prompt, true, 0 }, 30);
		}
	}
}

/* The shapes themselves, once, as docs/IPC.md tells it. */
static void
test_shapes(void **state)
{
	struct plan p = { 4, 6, false, 0 };
	struct plan_op op;

	(void)state;
	op = plan_next(&p, 0, 6);
	assert_true(op.kind == PLAN_CHUNK && op.from == 0 && op.n == 4);
	op = plan_next(&p, 4, 6);
	assert_true(op.kind == PLAN_TAIL && op.from == 4 && op.n == 2);
	op = plan_next(&p, 6, 6);
	assert_true(op.kind == PLAN_NOTHING);
	op = plan_next(&p, 6, 7);
	assert_true(op.kind == PLAN_SINGLE && op.from == 6);
	/* It completes the chunk, which is decoded again. */
	op = plan_next(&p, 7, 8);
	assert_true(op.kind == PLAN_CHUNK && op.from == 4 && op.n == 4);
	p.is_one_way = true;
	op = plan_next(&p, 7, 8);
	assert_true(op.kind == PLAN_SINGLE && op.from == 7);
}

/* A resume is at most N - 1 single tokens and a tail: the rest is chunks. */
static void
test_resume_is_prefill(void **state)
{
	struct plan p = { 64, 100, false, 0 };
	uint32_t n_past = 0, singles = 0;

	(void)state;
	while (n_past < 1000) {
		struct plan_op op = plan_next(&p, n_past, 1000);

		singles += op.kind != PLAN_CHUNK;
		n_past = op.from + op.n;
	}
	assert_int_equal(singles, 1000 % 64);
}

/* A chunk that was decoded in company is not decoded again; the next is. */
static void
test_company_is_left_as_it_is(void **state)
{
	struct plan p = { 4, 5, false, 0 };
	struct plan_op op;

	(void)state;
	plan_mix(&p, 5);
	op = plan_next(&p, 7, 8);
	assert_true(op.kind == PLAN_SINGLE && op.from == 7);
	op = plan_next(&p, 11, 12);
	assert_true(op.kind == PLAN_CHUNK && op.from == 8 && op.n == 4);
	plan_mix(&p, 11);
	op = plan_next(&p, 11, 12);
	assert_true(op.kind == PLAN_SINGLE && op.from == 11);
	/* What is known when a worker begins is whole chunks in any case. */
	op = plan_next(&p, 8, 12);
	assert_true(op.kind == PLAN_CHUNK && op.from == 8 && op.n == 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_small_case),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_resume_is_prefill),
		cmocka_unit_test(test_company_is_left_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
