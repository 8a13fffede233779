#include "worker/plan.h"

static struct plan_op
op(enum plan_kind kind, uint32_t from, uint32_t end)
{
	return (struct plan_op){ kind, from, end - from };
}

static uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Up to the next multiple of a chunk. */
static uint32_t
next_edge(const struct plan *p, uint32_t at)
{
	return at - at % p->chunk + p->chunk;
}

/* A token, or many: up to a chunk. */
static struct plan_op
some(const struct plan *p, enum plan_kind many, uint32_t from, uint32_t end)
{
	if (end - from == 1)
		return op(PLAN_SINGLE, from, end);
	return op(many, from, from + least(end - from, p->chunk));
}

static struct plan_op
next_free(const struct plan *p, uint32_t n_past, uint32_t n_known)
{
	return some(p, PLAN_PROMPT, n_past, n_known);
}

static struct plan_op
next_of_prompt(const struct plan *p, uint32_t n_past)
{
	return op(
	    PLAN_PROMPT, n_past, least(next_edge(p, n_past), p->n_prompt));
}

static struct plan_op
next_by_rows(const struct plan *p, uint32_t n_past, uint32_t n_known)
{
	if (n_past < p->n_prompt)
		return next_of_prompt(p, n_past);
	return some(p, PLAN_REPLAY, n_past, n_known);
}

/* A cache that only grows cannot remove a chunk, so output is single tokens
 * in the undisturbed run and in a resume. */
static struct plan_op
next_by_shapes(const struct plan *p, uint32_t n_past, uint32_t n_known)
{
	uint32_t end = next_edge(p, n_past);
	uint32_t edge = end - p->chunk;

	if (!p->is_one_way && n_past == edge && n_known >= end)
		return op(PLAN_CHUNK, edge, end);
	if (n_past < p->n_prompt)
		return next_of_prompt(p, n_past);
	if (!p->is_one_way && n_past + 1 == end)
		return op(PLAN_CHUNK, edge, end);
	return op(PLAN_ALONE, n_past, n_past + 1);
}

struct plan_op
plan_next(const struct plan *p, uint32_t n_past, uint32_t n_known)
{
	static struct plan_op (*const rules[PLAN_RULES])(
	    const struct plan *, uint32_t, uint32_t) = {
		[PLAN_FREE] = next_free,
		[PLAN_ROWS] = next_by_rows,
		[PLAN_SHAPES] = next_by_shapes,
	};

	if (n_past >= n_known)
		return op(PLAN_NOTHING, n_past, n_past);
	return rules[p->rule](p, n_past, n_known);
}
