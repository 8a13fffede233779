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

/* Where the segment ends that at is in, and whether it is a prompt's; the last
 * output's end is not known. */
static uint32_t
segment_end(const struct plan *p, uint32_t at, bool *ret_is_prompt)
{
	for (uint32_t i = 0; i < p->n_turns; i++) {
		*ret_is_prompt = i % 2 == 0;
		if (at < (uint32_t)p->turns[i])
			return (uint32_t)p->turns[i];
	}
	*ret_is_prompt = at < p->n_prompt;
	return *ret_is_prompt ? p->n_prompt : UINT32_MAX;
}

static struct plan_op
next_by_rows(const struct plan *p, uint32_t n_past, uint32_t n_known)
{
	bool is_prompt;
	uint32_t end = segment_end(p, n_past, &is_prompt);

	if (is_prompt)
		return op(
		    PLAN_PROMPT, n_past, least(next_edge(p, n_past), end));
	return some(p, PLAN_REPLAY, n_past, least(end, n_known));
}

/* Whatever a chunk was put together from, once it is full it is one batch. A
 * cache that only grows cannot remove it, so there output is single tokens in
 * the undisturbed run and in a resume. */
static struct plan_op
next_by_shapes(const struct plan *p, uint32_t n_past, uint32_t n_known)
{
	uint32_t edge = next_edge(p, n_past);
	bool is_prompt;
	uint32_t end = segment_end(p, n_past, &is_prompt);

	if (!p->is_one_way && n_known >= edge)
		return op(PLAN_CHUNK, edge - p->chunk, edge);
	if (is_prompt)
		return op(PLAN_PROMPT, n_past, least(edge, end));
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

/* Output by rows is the same in whatever batches. */
static bool
is_by_rows(struct plan_op op)
{
	return op.kind == PLAN_REPLAY || op.kind == PLAN_SINGLE;
}

uint32_t
plan_common(const struct plan *had, uint32_t n_past, const struct plan *p,
    uint32_t n_known, uint32_t n_same)
{
	uint32_t most = least(n_past, n_same), at = 0;

	if (p->rule != had->rule || p->chunk != had->chunk)
		return 0;
	if (p->rule == PLAN_FREE)
		return most;
	while (at < most) {
		struct plan_op a = plan_next(had, at, n_past);
		struct plan_op b = plan_next(p, at, n_known);

		if (is_by_rows(a) && is_by_rows(b))
			a.n = b.n = 1;
		else if (a.kind != b.kind || a.n != b.n || at + a.n > most)
			break;
		at += a.n;
	}
	return at;
}
