/*
 * selftest - how exact this model can be on this engine and machine.
 *
 * Exactness is claimed only after it was seen: a few random tokens are
 * decoded alone, then in company and as resumes, and the bits of every row of
 * logits must be the same. The rules of plan.h are tried, the best first. It
 * costs some 20 steps and two batches of a chunk; less where a step is slow.
 */
#ifndef WORKER_LLAMA_SELFTEST_H
#define WORKER_LLAMA_SELFTEST_H

#include "worker/llama/model.h"

/* Sets m->rule and m->kernels of a model that can decode; leaves the cache
 * empty. tested: what model_identity() said of another process that served
 * this model; if nothing has changed since, its result is taken. p may be
 * NULL. 0, or ERR_INTERNAL: it cannot decode. */
int selftest_run(struct model *m, struct str tested, struct progress *p)
    MUST_CHECK;

/* Tries one rule with one kind of kernels and leaves m's as they are: whether
 * output has the same bits whatever happens. Errors as above. */
int selftest_try(struct model *m, enum plan_rule rule, enum kernels k,
    bool *ret_same) MUST_CHECK;

#endif
