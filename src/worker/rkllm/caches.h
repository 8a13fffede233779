/*
 * caches - prompt caches, in the library's own format.
 *
 * One that is loaded is given to the library with the first run that wants it;
 * then it also finds out whether it can use it. One that is to be saved is
 * written by the library into memory of ours, and copied when the run is over:
 * what clients have attached is sealed at its size.
 */
#ifndef WORKER_RKLLM_CACHES_H
#define WORKER_RKLLM_CACHES_H

#include "worker/rkllm/flow.h"

/* What the record wants of it. 0, ERR_UNSUPPORTED or ERR_NOMEM. */
int caches_use(const struct held *files, struct run *r,
    const struct gen_submit *g, struct fail *why) MUST_CHECK;

/* The run is over and well: says what became of what it was to save, if
 * anything. */
void caches_save(struct engine *e, struct run *r);

#endif
