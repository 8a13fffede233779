#include "worker/llama/kept.h"

#include "worker/llama/decode.h"

#include "base/clock.h"

#include <stdlib.h>

/* Lowest first, because llama.cpp splits a batch at each gap in its sequences;
 * but what was kept is lost last, the oldest of it first. */
int32_t
kept_choose(
    const struct kept *all, struct gen *const *gens, uint32_t n, uint64_t key)
{
	int32_t best = -1;

	for (uint32_t i = 0; i < n; i++) {
		if (gens[i] != NULL)
			continue;
		if (key != 0 && all[i].key == key)
			return (int32_t)i;
		if (best < 0 || all[i].used_us < all[best].used_us)
			best = (int32_t)i;
	}
	return best;
}

static bool
is_same(const struct kept *k, const struct gen *g, uint32_t i)
{
	int32_t a = k->tokens[i], b = g->tokens[i];

	if (embed_is(a) && embed_is(b))
		return k->embeds.hashes[embed_row(a)] ==
		    g->embeds.hashes[embed_row(b)];
	return a == b;
}

static uint32_t
count_same(const struct kept *k, const struct gen *g)
{
	/* The last token's row is wanted: it is always computed. */
	uint32_t most = g->n_tokens - 1, n = 0;

	if (most > k->n_past)
		most = k->n_past;
	while (n < most && is_same(k, g, n))
		n++;
	return n;
}

static uint32_t
count_common(const struct kept *k, const struct gen *g)
{
	uint32_t n;

	if (g->cache_key == 0 || k->key != g->cache_key ||
	    !adapter_set_eq(&k->adapters, &g->adapters))
		return 0;
	n = plan_common(
	    &k->plan, k->n_past, &g->plan, g->n_tokens, count_same(k, g));
	return g->plan.is_one_way && n != k->n_past ? 0 : n;
}

void
kept_take(struct kept *k, struct gen *g)
{
	uint32_t n = count_common(k, g);

	if (k->key != 0 && n < k->n_past && model_cut(g->m, g->seq, n) != 0 &&
	    n > 0) {
		(void)!model_cut(g->m, g->seq, 0);
		n = 0;
	}
	kept_done(k);
	g->n_past = n;
}

bool
kept_put(struct kept *k, struct gen *g)
{
	if (g->cache_key == 0 || g->n_past == 0)
		return false;
	*k = (struct kept){ .key = g->cache_key,
		.used_us = clock_us(),
		.tokens = g->tokens,
		.turns = g->turns,
		.n_past = g->n_past,
		.plan = g->plan,
		.adapters = g->adapters };
	free(g->embeds.rows);
	g->embeds.rows = NULL;
	k->embeds = g->embeds;
	g->embeds = (struct embeds){ 0 };
	g->tokens = NULL;
	g->turns = NULL;
	return true;
}

void
kept_done(struct kept *k)
{
	free(k->tokens);
	free(k->turns);
	embeds_done(&k->embeds);
	*k = (struct kept){ 0 };
}
