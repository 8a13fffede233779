/*
 * filter - the samplers that work on a few candidates: they drop some or
 * scale their logits, and keep their order.
 *
 * After llama.cpp's src/llama-sampler.cpp, with min_keep 0 as llama-server
 * has it; sums are kept in double.
 */
#ifndef WORKER_FILTER_H
#define WORKER_FILTER_H

#include "worker/cand.h"

#include "wire/msg.h"

/* Runs typical, top-p, min-p, XTC and temperature over c, which is in order
 * and not empty; at least one is left. pos is what XTC draws by. scratch has
 * room for c->n. */
void filter_run(const struct gen_submit *knobs, uint64_t pos,
    struct cand *scratch, struct cands *c);

/* Temperature alone, as mirostat wants it. */
void filter_temperature(const struct gen_submit *knobs, struct cands *c);

/* Whether the best candidate is sure to be the one that is drawn, so that
 * nobody has to look at the others. */
bool filter_is_greedy(const struct gen_submit *knobs);

#endif
