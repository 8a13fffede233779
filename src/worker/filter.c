#include "worker/filter.h"

#include "worker/draw.h"

#include <math.h>

struct pass {
	const struct gen_submit *knobs;
	uint64_t pos;
	struct cand *scratch;
	struct cands *c;
};

struct filter {
	bool (*is_on)(const struct gen_submit *k);
	void (*run)(const struct pass *p);
};

static bool
has_typical(const struct gen_submit *k)
{
	return k->typical_p < 1;
}

static bool
has_top_p(const struct gen_submit *k)
{
	return k->top_p < 1;
}

static bool
has_min_p(const struct gen_submit *k)
{
	return k->min_p > 0;
}

static bool
has_xtc(const struct gen_submit *k)
{
	return k->xtc_probability > 0 && k->xtc_threshold <= 0.5F;
}

static bool
always(const struct gen_submit *k)
{
	(void)k;
	return true;
}

static double
entropy(const struct cands *c)
{
	double h = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].p > 0)
			h -= (double)c->v[i].p * log((double)c->v[i].p);
	return h;
}

/* Ranks candidates by how far their surprise is from what is expected, and
 * keeps the first that hold typical_p together. */
static void
keep_typical(const struct pass *p)
{
	struct cands *c = p->c;
	struct cands by_score = { p->scratch, c->n, 0 };
	double h, sum = 0;
	size_t n = 0;

	cand_softmax(c);
	h = entropy(c);
	for (size_t i = 0; i < c->n; i++) {
		double score = fabs(-log((double)c->v[i].p) - h);

		p->scratch[i] =
		    (struct cand){ (int32_t)i, (float)-score, c->v[i].p };
	}
	cand_sort(&by_score);
	for (size_t i = 0; i < c->n && sum <= (double)p->knobs->typical_p;
	     i++) {
		sum += (double)p->scratch[i].p;
		c->v[p->scratch[i].id].p = 2; /* no probability: a mark */
	}
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].p > 1)
			c->v[n++] = c->v[i];
	c->n = n;
}

static void
keep_top_p(const struct pass *p)
{
	struct cands *c = p->c;
	double sum = 0;
	size_t n = 0;

	cand_softmax(c);
	while (n < c->n) {
		sum += (double)c->v[n++].p;
		if (sum >= (double)p->knobs->top_p)
			break;
	}
	c->n = n;
	c->rest = 0;
}

static void
keep_min_p(const struct pass *p)
{
	struct cands *c = p->c;
	float least = c->v[0].logit + logf(p->knobs->min_p);
	size_t n = 1;

	while (n < c->n && c->v[n].logit >= least)
		n++;
	c->n = n;
}

/* Excludes top choices: all that are likely but the least likely of them. */
static void
drop_xtc(const struct pass *p)
{
	const struct gen_submit *k = p->knobs;
	struct cands *c = p->c;
	size_t first = 0;

	if (c->n < 2 ||
	    draw_unit(k->seed, p->pos, DRAW_XTC) > (double)k->xtc_probability)
		return;
	cand_softmax(c);
	while (first + 1 < c->n && c->v[first + 1].p >= k->xtc_threshold)
		first++;
	c->v += first;
	c->n -= first;
}

/* Between temperature - range and + range, by how unsure the model is. */
static double
dynamic_temperature(const struct gen_submit *k, struct cands *c)
{
	double t = (double)k->temperature, range = (double)k->dynatemp_range;
	double low = fmax(0, t - range);

	cand_softmax(c);
	return low +
	    (t + range - low) *
	    pow(entropy(c) / log((double)c->n), (double)k->dynatemp_exponent);
}

/* Logits relative to the best, so that a temperature near 0 overflows to
 * minus infinity and never to a NaN. */
void
filter_temperature(const struct gen_submit *k, struct cands *c)
{
	double t = (double)k->temperature;
	float max = c->v[0].logit;

	if (k->dynatemp_range > 0 && c->n > 1)
		t = dynamic_temperature(k, c);
	if (!(t > 0))
		c->n = 1;
	for (size_t i = 0; i < c->n; i++)
		c->v[i].logit =
		    i == 0 ? 0 : (float)((double)(c->v[i].logit - max) / t);
}

static void
scale_temperature(const struct pass *p)
{
	filter_temperature(p->knobs, p->c);
}

static const struct filter filters[] = {
	{ has_typical, keep_typical },
	{ has_top_p, keep_top_p },
	{ has_min_p, keep_min_p },
	{ has_xtc, drop_xtc },
	{ always, scale_temperature },
};

void
filter_run(const struct gen_submit *k, uint64_t pos, struct cand *scratch,
    struct cands *c)
{
	struct pass p = { k, pos, scratch, c };

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		if (filters[i].is_on(k))
			filters[i].run(&p);
}

bool
filter_is_greedy(const struct gen_submit *k)
{
	return k->temperature <= 0 && k->dynatemp_range <= 0 &&
	    !has_typical(k) && !has_xtc(k);
}
