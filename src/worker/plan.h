/*
 * plan - which tokens of a sequence are decoded together.
 *
 * The bits of a logit depend on the computations behind it, so a resume is
 * exact only if it repeats those of the undisturbed run, or such as are known
 * to give the same bits. This is the whole rule, a pure function; see "The
 * schedule" in docs/IPC.md.
 */
#ifndef WORKER_PLAN_H
#define WORKER_PLAN_H

#include <stdbool.h>
#include <stdint.h>

enum plan_rule {
	PLAN_FREE, /* whatever is fastest: not exact */

	/* The prompt in whole chunks at fixed offsets, then its tail, each
	 * alone; output in batches of any size and company, because a row's
	 * bits do not depend on the others. */
	PLAN_ROWS,

	/* Where they do depend, shapes are repeated: output one token at a
	 * time, alone; a chunk that fills is removed and decoded again as one
	 * batch, and that is how a resume decodes it. */
	PLAN_SHAPES,
	PLAN_RULES
};

enum plan_kind {
	PLAN_NOTHING, /* all known tokens are in the cache: sample */
	PLAN_PROMPT,  /* a chunk or tail of the prompt, alone in its batch */
	PLAN_REPLAY,  /* many known tokens of the output, alone */
	PLAN_CHUNK,  /* PLAN_SHAPES: a chunk that output has completed, alone */
	PLAN_ALONE,  /* one token, alone */
	PLAN_SINGLE, /* one token; may share a batch with other sequences */
};

/* All counts are tokens of one sequence. What stands before the last prompt
 * are turns of a conversation, a prompt and its output each. */
struct plan {
	enum plan_rule rule;
	uint32_t chunk;	      /* N; at least 1; the most of any batch */
	const int32_t *turns; /* where each prompt and each output ends */
	uint32_t n_turns;     /* of those ends: even */
	uint32_t n_prompt;    /* where the last prompt ends */
	bool is_one_way;      /* the cache cannot remove a tail (recurrent) */
};

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

/* The cache has n_past tokens, computed by plan had; the first n_same of them
 * are also the first of n_known ones that go by plan p. How many may stay,
 * being what p would have computed. */
uint32_t plan_common(const struct plan *had, uint32_t n_past,
    const struct plan *p, uint32_t n_known, uint32_t n_same);

#endif
