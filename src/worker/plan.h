/*
 * plan - which tokens of a sequence are decoded together.
 *
 * The bits of a logit depend on the shapes of the computations behind it, so
 * a resume is exact only if it leaves the same shapes in the KV cache as the
 * undisturbed run. This is the whole rule, a pure function; see "The
 * canonical schedule" in docs/IPC.md.
 */
#ifndef WORKER_PLAN_H
#define WORKER_PLAN_H

#include <stdbool.h>
#include <stdint.h>

enum plan_kind {
	PLAN_NOTHING, /* all known tokens are in the cache: sample */
	PLAN_CHUNK,   /* a whole chunk, alone in its batch */
	PLAN_TAIL,    /* what the prompt has beyond its last whole chunk */
	PLAN_SINGLE,  /* one token; may share a batch with other sequences */
};

/* All counts are tokens of one sequence. */
struct plan {
	uint32_t chunk;	   /* N; at least 1 */
	uint32_t n_prompt; /* P */
	bool is_one_way;   /* the cache cannot remove a tail (recurrent) */
	uint32_t mixed;	   /* end of the chunk that has a token decoded in
			    * company; 0: none */
};

/* The token at n_past is decoded in one batch with other sequences' tokens.
 * Its bits are not those of a lone run any more, so decoding its chunk again
 * would cost a chunk and gain nothing: it is left as it is. */
void plan_mix(struct plan *p, uint32_t n_past);

/* Decode tokens [from, from + n). Where from is less than n_past, remove
 * [from, n_past) from the cache first. */
struct plan_op {
	enum plan_kind kind;
	uint32_t from;
	uint32_t n;
};

/* What to do next with n_past tokens in the cache of n_known, which are the
 * prompt and what has been generated. */
struct plan_op plan_next(
    const struct plan *p, uint32_t n_past, uint32_t n_known);

#endif
