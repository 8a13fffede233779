/*
 * logprob - how likely the model itself found a token: natural logarithms of
 * the probabilities before any sampler.
 */
#ifndef WORKER_LLAMA_LOGPROB_H
#define WORKER_LLAMA_LOGPROB_H

#include "worker/llama/model.h"
#include "worker/sampler.h"

#include "wire/step.h"

/* Room for one report; made when the first one is wanted. */
struct logprob {
	float *row;	 /* the logits as they were */
	struct buf tops; /* packed step_tops */
	char piece[4096];
};

void logprob_init(struct logprob *l);
void logprob_done(struct logprob *l);

/* Keeps a copy of the logits that samplers are about to change. 0 or
 * ERR_NOMEM. */
int logprob_keep(struct logprob *l, const struct model *m, const float *row)
    MUST_CHECK;

/* Fills the logprobs of s, whose token is set, with n_top alternatives. What
 * it points at stays until the next call. Uses room's candidates. */
void logprob_report(struct logprob *l, const struct model *m,
    struct sampler_room *room, uint8_t n_top, struct step *s);

#endif
