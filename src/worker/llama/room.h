/*
 * room - how long a context, and how many sequences, there is memory for where
 * nobody has said.
 *
 * Not by what is free now, which another worker of this model would find
 * otherwise, but by a share of the machine.
 */
#ifndef WORKER_LLAMA_ROOM_H
#define WORKER_LLAMA_ROOM_H

#include "base/err.h"

#include <llama.h>
#include <stdbool.h>
#include <stdint.h>

/* All in bytes. */
struct room {
	uint64_t token; /* of a sequence's cache, for each token of context */
	uint64_t state; /* of it beside, however long it is */
	uint64_t most;	/* for all sequences together */
};

/* has_state: the model has a state, alone or beside a cache. What that takes,
 * and which layers have which, llama.cpp tells nobody: two tokens are decoded
 * to see. 0, or ERR_NOMEM or ERR_INTERNAL: it cannot decode. */
int room_of(struct llama_model *w, bool has_state, struct room *ret) MUST_CHECK;

/* Tokens: those it was trained for (0: not known), but no more than 8192, and
 * less where n_seq sequences (0: a few) would not fit. */
uint32_t room_ctx(const struct room *r, uint32_t trained, uint32_t n_seq);

/* Tokens that a client may ask for: those that it was trained for (0: not
 * known), as far as n_seq sequences (0: one) of them fit; at least some. */
uint32_t room_most(const struct room *r, uint32_t trained, uint32_t n_seq);

/* At least 1. */
uint32_t room_seqs(const struct room *r, uint32_t n_ctx);

#endif
