/* Whenever a worker takes over, the KV cache comes to be of batches that give
 * the same bits as in the run without the fault. Tried for every small case. */
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

/* What a cell of the KV cache was computed in. Of output by rows, that it was
 * by rows is all that counts. */
struct shape {
	uint32_t from;
	uint32_t n;
};

struct cache {
	struct shape cells[MOST];
	uint32_t n_past;
	struct shape last; /* whose last row is sampled from */
};

static bool
is_of_prompt(const struct plan *p, uint32_t pos)
{
	uint32_t i = 0;

	while (i < p->n_turns && pos >= (uint32_t)p->turns[i])
		i++;
	return i < p->n_turns ? i % 2 == 0 : pos < p->n_prompt;
}

static void
check_op(
    const struct plan *p, struct plan_op op, uint32_t n_past, uint32_t n_known)
{
	bool is_one = op.kind == PLAN_SINGLE || op.kind == PLAN_ALONE;

	assert_true(op.n > 0 && op.n <= p->chunk && op.from <= n_past);
	assert_true(op.from + op.n > n_past);
	assert_true(op.from + op.n <= n_known);
	assert_true(!is_one || op.n == 1);
	assert_true(op.from == n_past ||
	    (op.kind == PLAN_CHUNK && p->rule == PLAN_SHAPES));
	assert_true(!p->is_one_way || op.from == n_past);
	if (op.kind == PLAN_CHUNK)
		assert_true(op.n == p->chunk && op.from % p->chunk == 0);
	if (p->rule == PLAN_FREE)
		return;
	/* Of a prompt, or of an output; never of both but in chunks. */
	for (uint32_t i = 0; i < op.n && op.kind != PLAN_CHUNK; i++)
		assert_int_equal(
		    is_of_prompt(p, op.from + i), op.kind == PLAN_PROMPT);
	assert_true((op.kind == PLAN_SINGLE) <= (p->rule == PLAN_ROWS));
}

/* Decodes until all known tokens are in. */
static void
fill(struct cache *c, const struct plan *p, uint32_t n_known)
{
	for (;;) {
		struct plan_op op = plan_next(p, c->n_past, n_known);
		bool by_rows = p->rule == PLAN_ROWS && op.kind != PLAN_PROMPT;

		if (op.kind == PLAN_NOTHING)
			break;
		check_op(p, op, c->n_past, n_known);
		c->last = by_rows ? (struct shape){ UINT32_MAX, 1 }
				  : (struct shape){ op.from, op.n };
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
		if (p.rule != PLAN_FREE)
			check_same(&run, &resumed);
	}
}

static void
test_every_small_case(void **state)
{
	struct plan p = { .rule = PLAN_FREE };

	(void)state;
	for (; p.rule < PLAN_RULES; p.rule++)
		for (p.chunk = 1; p.chunk <= 9; p.chunk++)
			for (p.n_prompt = 1; p.n_prompt <= 30; p.n_prompt++) {
				p.is_one_way = false;
				check_run(p, 30);
				p.is_one_way = true;
				check_run(p, 30);
			}
}

static void
check_next(const struct plan *p, uint32_t n_past, uint32_t n_known,
    enum plan_kind kind, uint32_t from, uint32_t n)
{
	struct plan_op op = plan_next(p, n_past, n_known);

	assert_int_equal(op.kind, kind);
	assert_int_equal(op.from, from);
	assert_int_equal(op.n, n);
}

/* The batches themselves, once, as docs/IPC.md tells it. */
static void
test_rows(void **state)
{
	struct plan p = { PLAN_ROWS, 4, NULL, 0, 6, false };

	(void)state;
	check_next(&p, 0, 6, PLAN_PROMPT, 0, 4);
	check_next(&p, 4, 6, PLAN_PROMPT, 4, 2);
	check_next(&p, 6, 6, PLAN_NOTHING, 6, 0);
	check_next(&p, 6, 7, PLAN_SINGLE, 6, 1);
	check_next(&p, 7, 8, PLAN_SINGLE, 7, 1);
	/* Resumed: the prompt as before, the rest at once. */
	check_next(&p, 4, 9, PLAN_PROMPT, 4, 2);
	check_next(&p, 6, 9, PLAN_REPLAY, 6, 3);
	check_next(&p, 6, 99, PLAN_REPLAY, 6, 4);
}

static void
test_shapes(void **state)
{
	struct plan p = { PLAN_SHAPES, 4, NULL, 0, 6, false };

	(void)state;
	check_next(&p, 0, 6, PLAN_CHUNK, 0, 4);
	check_next(&p, 4, 6, PLAN_PROMPT, 4, 2);
	check_next(&p, 6, 7, PLAN_ALONE, 6, 1);
	/* It completes the chunk, which is decoded again. */
	check_next(&p, 7, 8, PLAN_CHUNK, 4, 4);
	p.is_one_way = true;
	check_next(&p, 7, 8, PLAN_ALONE, 7, 1);
}

static void
test_fast(void **state)
{
	struct plan p = { PLAN_FREE, 4, NULL, 0, 6, false };

	(void)state;
	check_next(&p, 0, 6, PLAN_PROMPT, 0, 4);
	check_next(&p, 3, 20, PLAN_PROMPT, 3, 4);
	check_next(&p, 6, 7, PLAN_SINGLE, 6, 1);
}

/* The second turn of a conversation, in the cache of the first and from
 * nothing: as if it had always been one. */
static void
check_second_turn(struct plan first, uint32_t n_out, uint32_t n_more)
{
	uint32_t n_had = first.n_prompt + n_out;
	int32_t turns[] = { (int32_t)first.n_prompt, (int32_t)n_had };
	struct plan p = first;
	struct cache run = { 0 };

	p.turns = turns;
	p.n_turns = 2;
	p.n_prompt = n_had + n_more;
	/* The last token of an output is drawn, but not decoded. */
	if (n_out > 0)
		fill(&run, &first, n_had - 1);
	else
		fill(&run, &first, n_had);
	run.n_past =
	    plan_common(&first, run.n_past, &p, p.n_prompt, run.n_past);
	if (p.rule == PLAN_ROWS)
		assert_true(run.n_past + 1 >= n_had);
	for (uint32_t known = p.n_prompt; known < p.n_prompt + 12; known++) {
		struct cache resumed = { 0 };

		fill(&run, &p, known);
		fill(&resumed, &p, known);
		if (p.rule != PLAN_FREE)
			check_same(&run, &resumed);
	}
}

static void
test_turns(void **state)
{
	struct plan p = { .rule = PLAN_FREE };

	(void)state;
	for (; p.rule < PLAN_RULES; p.rule++)
		for (p.chunk = 1; p.chunk <= 9; p.chunk++)
			for (p.n_prompt = 1; p.n_prompt <= 14; p.n_prompt++)
				for (uint32_t out = 0; out <= 12; out++)
					for (uint32_t n = 1; n <= 11; n++)
						check_second_turn(p, out, n);
}

/* Of another prompt only whole batches that are the same may stay. */
static void
test_common(void **state)
{
	struct plan a = { PLAN_ROWS, 4, NULL, 0, 10, false };
	struct plan b = { PLAN_ROWS, 4, NULL, 0, 14, false };

	(void)state;
	assert_int_equal(plan_common(&a, 12, &b, 14, 12), 8);
	assert_int_equal(plan_common(&a, 12, &b, 14, 7), 4);
	assert_int_equal(plan_common(&a, 3, &b, 14, 3), 0);
	a.rule = b.rule = PLAN_FREE;
	assert_int_equal(plan_common(&a, 12, &b, 14, 11), 11);
	b.rule = PLAN_ROWS;
	assert_int_equal(plan_common(&a, 12, &b, 14, 12), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_small_case),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_fast),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_common),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
