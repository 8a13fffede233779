/*
 * mirostat - sampling that steers towards a wanted surprise (Basu and others,
 * 2020, arXiv 2007.14966), versions 1 and 2 as llama.cpp has them.
 *
 * Its state is one number, mu. It cannot be rebuilt from the tokens, so it
 * travels with each of them.
 */
#ifndef WORKER_MIROSTAT_H
#define WORKER_MIROSTAT_H

#include "worker/cand.h"

#include "wire/msg.h"

/* Picks from c, which is the whole vocabulary in order, after temperature.
 * u of [0, 1) decides. Moves *mu; returns the index of the candidate. */
size_t mirostat_pick(const struct gen_submit *knobs, double u, uint32_t n_vocab,
    float *mu, struct cands *c);

#endif
