/*
 * kept - KV caches of conversations that wait for their next turn.
 *
 * A sequence that nobody runs in may still hold the cache of a conversation.
 * It is given back to the run that goes on with it, as far as that run would
 * have computed the same (plan_common()), or makes way for another. So it is
 * no more than time saved: what a run says does not depend on it.
 */
#ifndef WORKER_LLAMA_KEPT_H
#define WORKER_LLAMA_KEPT_H

#include "worker/llama/gen.h"

/* Of one sequence; key 0: nothing is kept there. */
struct kept {
	uint64_t key;
	uint64_t used_us;
	int32_t *tokens;
	int32_t *turns;
	uint32_t n_past; /* of tokens, in the cache */
	struct plan plan;
	struct embeds embeds; /* their hashes */
	struct adapter_set adapters;
};

/* The free sequence that a run of that key (0: none) should have; n: how many
 * there are, gens: who runs in each, NULL where it is free. -1: none is. */
int32_t kept_choose(
    const struct kept *all, struct gen *const *gens, uint32_t n, uint64_t key);

/* g, which is new, has its sequence: takes over what it can use of k, and
 * empties the rest. Its n_past is how many tokens it need not compute. */
void kept_take(struct kept *k, struct gen *g);

/* g is over: keeps its cache, where it has a key. Returns whether. */
bool kept_put(struct kept *k, struct gen *g);

/* Forgets it; the cells are the caller's to clear. */
void kept_done(struct kept *k);

#endif
