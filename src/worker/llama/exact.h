/*
 * exact - whether a stream that is resumed goes on with the same bits.
 *
 * Each token's logits are hashed, and the hashes go to the front with the
 * tokens. A worker that takes over computes the last of those rows again on
 * its way, and says whether they are the same.
 */
#ifndef WORKER_LLAMA_EXACT_H
#define WORKER_LLAMA_EXACT_H

#include "worker/plan.h"

#include "base/buf.h"

#include <stddef.h>

/* As many of the last hashes are compared, of those that are sent. */
#define EXACT_HASHES 8u

/* Rows of output that a resume finds again on its way. */
struct exact_check {
	uint64_t want[EXACT_HASHES];
	uint32_t n;    /* of want; 0: nothing (more) to compare */
	uint32_t from; /* the position whose row is the first */
	uint32_t n_same;
	uint32_t n_differ;
};

/* Of n floats; equal for equal bits, and else hardly ever. */
uint64_t exact_hash(const float *row, size_t n);

/* hashes: of the last tokens, u64 each; n_known tokens there are. */
void exact_check_init(
    struct exact_check *c, struct str hashes, uint32_t n_known);

/* Whether the row at a position is one of them. */
bool exact_check_wants(const struct exact_check *c, uint32_t pos);

/* Compares the row at a position that is wanted. */
void exact_check_row(
    struct exact_check *c, uint32_t pos, const float *row, size_t n);

/* With n_past tokens decoded: whether nothing more is to come and there is a
 * verdict, which is *ret_agrees. True once. */
bool exact_check_is_over(
    struct exact_check *c, uint32_t n_past, bool *ret_agrees);

#endif
