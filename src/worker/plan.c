#include "worker/plan.h"

/* Up to where tokens may be decoded as whole chunks when they are known. A
 * cache that only grows cannot rewrite a chunk, so the undisturbed run never
 * has one that holds generated tokens. */
static uint32_t
chunks_end(const struct plan *p, uint32_t n_known)
{
	if (p->is_one_way && n_known > p->n_prompt)
		return p->n_prompt;
	return n_known;
}

static struct plan_op
op(enum plan_kind kind, uint32_t from, uint32_t end)
{
	return (struct plan_op){ kind, from, end - from };
}

void
plan_mix(struct plan *p, uint32_t n_past)
{
	p->mixed = n_past - n_past % p->chunk + p->chunk;
}

struct plan_op
plan_next(const struct plan *p, uint32_t n_past, uint32_t n_known)
{
	uint32_t end = chunks_end(p, n_known);
	uint32_t edge = n_past - n_past % p->chunk;

	if (n_past >= n_known)
		return op(PLAN_NOTHING, n_past, n_past);
	if (n_past == edge && n_past < end && end - n_past >= p->chunk)
		return op(PLAN_CHUNK, n_past, n_past + p->chunk);
	if (n_past < p->n_prompt)
		return op(PLAN_TAIL, n_past, p->n_prompt);
	if (n_past + 1 - edge == p->chunk && !p->is_one_way &&
	    p->mixed != edge + p->chunk)
		return op(PLAN_CHUNK, edge, edge + p->chunk);
	return op(PLAN_SINGLE, n_past, n_past + 1);
}
