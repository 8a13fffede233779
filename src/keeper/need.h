/*
 * need - how much memory a model will take, from what the head of its file says
 * (wire/probe.h) and what its settings are: weights, caches or states, and the
 * buffers of a batch.
 *
 * The worker decides in the end (worker/llama/room.c): this follows its rules,
 * so that it is a little too much rather than too little.
 */
#ifndef KEEPER_NEED_H
#define KEEPER_NEED_H

#include "wire/probe.h"

struct need_settings {
	uint64_t machine; /* bytes of memory that it has */
	uint32_t n_ctx; /* tokens of each sequence; 0: as the worker decides */
	uint32_t n_seq; /* the same */
	uint32_t chunk; /* tokens of a batch */
};

/* In bytes. */
struct need {
	uint64_t weights;
	uint64_t token; /* of a sequence's cache, for each token of context */
	uint64_t state; /* of it beside */
	uint64_t cache; /* of all sequences */
	uint64_t buffers;
	uint64_t total; /* with what a process takes by itself */
};

void need_of(
    const struct probe *p, const struct need_settings *s, struct need *ret);

/* Of a file of so many bytes of which nothing else is known. */
uint64_t need_guess(uint64_t bytes, uint64_t machine);

#endif
