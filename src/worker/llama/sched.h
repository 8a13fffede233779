/*
 * sched - the llama engine's slots, and what is computed next.
 */
#ifndef WORKER_LLAMA_SCHED_H
#define WORKER_LLAMA_SCHED_H

#include "worker/engine.h"
#include "worker/llama/caches.h"
#include "worker/llama/gen.h"
#include "worker/llama/identity.h"
#include "worker/llama/kept.h"
#include "worker/llama/logprob.h"
#include "worker/pace.h"

struct engine {
	struct model m;
	struct sampler_room room;
	struct logprob logprob;
	struct engine_events events;
	char identity[IDENTITY_MAX];
	struct progress *p;	/* or NULL */
	struct gen **gens;	/* by sequence id; NULL: a free slot */
	struct kept *kept;	/* by sequence id; of free ones */
	struct gen **stepping;	/* room for those of one step */
	uint32_t n_gens;	/* slots in use */
	uint32_t next_job;	/* the sequence that jobs go on from */
	uint64_t jobs_us;	/* spent on jobs in this turn */
	uint64_t step_us;	/* a running mean of steps */
	struct adapter_set set; /* of those whose turn it is */
	uint64_t set_us;	/* that they have had */
	uint32_t next_set;	/* the sequence that sets go on from */
	struct caches caches;
	struct pace pace;
};

bool sched_has_work(struct engine *e);

/* One job or one step; there must be work. */
void sched_step(struct engine *e);

/* Its last word; then the slot is free and g is gone. */
void sched_finish(struct engine *e, struct gen *g, int reason);

/* Frees the slot without a word; g is gone, its cache maybe kept. */
void sched_drop(struct engine *e, struct gen *g, bool may_keep);

#endif
