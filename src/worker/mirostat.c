#include "worker/mirostat.h"

#include <math.h>

#define LOOK 100 /* candidates for the estimate: m of the paper */

/* The exponent of the Zipf law that the best candidates follow; the slope of
 * a least squares fit through log rank and log probability. */
static double
zipf_exponent(const struct cands *c)
{
	double up = 0, down = 0;

	for (size_t i = 0; i + 1 < c->n && i + 1 < LOOK; i++) {
		double t = log((double)(i + 2) / (double)(i + 1));
		double b = (double)c->v[i].logit - (double)c->v[i + 1].logit;

		if (!isfinite(b))
			break;
		up += t * b;
		down += t * t;
	}
	return down > 0 ? up / down : 0;
}

/* How many candidates version 1 keeps. */
static size_t
keep_v1(const struct cands *c, uint32_t n_vocab, double mu)
{
	double s = zipf_exponent(c);
	double e = s - 1;
	double k = pow(e * exp2(mu) / (1 - pow((double)n_vocab, -e)), 1 / s);

	if (!(k >= 1))
		return 1;
	return k < (double)c->n ? (size_t)k : c->n;
}

/* Version 2: all whose surprise is at most mu. */
static size_t
keep_v2(struct cands *c, double mu)
{
	size_t n = 0;

	cand_softmax(c);
	while (n < c->n && !(-log2((double)c->v[n].p) > mu))
		n++;
	return n > 0 ? n : 1;
}

size_t
mirostat_pick(const struct gen_submit *k, double u, uint32_t n_vocab, float *mu,
    struct cands *c)
{
	double surprise;
	float next;
	size_t i;

	c->n = k->mirostat == 1 ? keep_v1(c, n_vocab, (double)*mu)
				: keep_v2(c, (double)*mu);
	cand_softmax(c);
	i = cand_draw(c, u);
	surprise = -log2((double)c->v[i].p);
	next = (float)((double)*mu -
	    (double)k->mirostat_eta * (surprise - (double)k->mirostat_tau));
	/* A state that is no number would stay so for ever. */
	*mu = isfinite(next) ? next : 2 * k->mirostat_tau;
	return i;
}
