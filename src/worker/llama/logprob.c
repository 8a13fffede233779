#include "worker/llama/logprob.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOPS_MAX (1u << 20) /* bytes of one token's alternatives */

void
logprob_init(struct logprob *l)
{
	l->row = NULL;
	buf_init(&l->tops, TOPS_MAX);
}

void
logprob_done(struct logprob *l)
{
	free(l->row);
	buf_done(&l->tops);
	l->row = NULL;
}

int
logprob_keep(struct logprob *l, const struct model *m, const float *row)
{
	if (l->row == NULL)
		l->row = calloc(m->n_vocab, sizeof(*l->row));
	if (l->row == NULL)
		return ERR_NOMEM;
	memcpy(l->row, row, m->n_vocab * sizeof(*l->row));
	return 0;
}

/* log of the sum of exp over the row, without overflow. */
static double
log_sum(const float *row, uint32_t n, float max)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		if (row[i] > -INFINITY)
			sum += (double)expf(row[i] - max);
	return (double)max + log(sum);
}

void
logprob_report(struct logprob *l, const struct model *m,
    struct sampler_room *room, uint8_t n_top, struct step *s)
{
	struct cands c = { room->cands, 0, 0 };
	struct step_top top;
	double all;

	cand_top(&c, l->row, m->n_vocab, n_top > 0 ? n_top : 1);
	if (c.n == 0)
		return;
	all = log_sum(l->row, m->n_vocab, c.v[0].logit);
	buf_reset(&l->tops);
	for (size_t i = 0; i < c.n && i < n_top; i++) {
		top.token = c.v[i].id;
		top.logprob = (float)((double)c.v[i].logit - all);
		top.piece =
		    model_piece(m, top.token, true, l->piece, sizeof(l->piece));
		step_top_put(&l->tops, &top);
		s->n_tops++;
	}
	s->tops = buf_err(&l->tops) == 0 ? buf_str(&l->tops) : STR("");
	s->logprob = (float)((double)l->row[s->token] - all);
	s->piece = model_piece(m, s->token, true, l->piece, sizeof(l->piece));
	s->flags |= STEP_LOGPROBS;
}
