/*
 * cand - candidates for the next token, the likeliest first.
 *
 * A row of logits has one for each token of the vocabulary, most of which
 * cannot matter. cand_top() takes the best k in one pass; everything after
 * works on those few. Ties go to the lower token id, so the order is a
 * function of the row. NaN and minus infinity are no candidates.
 */
#ifndef WORKER_CAND_H
#define WORKER_CAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Laid out as llama.cpp's llama_token_data. */
struct cand {
	int32_t id;
	float logit;
	float p; /* as of the last cand_softmax() */
};

struct cands {
	struct cand *v; /* the owner gives room for the whole vocabulary */
	size_t n;
	double rest; /* mass left out, where exp(v[0].logit) is 1 */
};

/* The likeliest token; -1 if there is no candidate. */
int32_t cand_best(const float *row, size_t n_row);

/* Fills c with the min(k, all) likeliest, in order, and rest 0. */
void cand_top(struct cands *c, const float *row, size_t n_row, size_t k);

/* What exp(logit - best) sums up to over the row beyond c, for cand_softmax:
 * then p is each one's share of the whole row. */
double cand_rest(const struct cands *c, const float *row, size_t n_row);

/* Sets p from the logits; they sum up to 1 with rest's share. n must be > 0. */
void cand_softmax(struct cands *c);

/* Back in order, after logits have changed. */
void cand_sort(struct cands *c);

/* Drops those whose logit is NaN or minus infinity, and all from k on. */
void cand_compact(struct cands *c, size_t k);

/* The first whose cumulated p passes u of [0, 1); n must be > 0. */
size_t cand_draw(const struct cands *c, double u);

#endif
