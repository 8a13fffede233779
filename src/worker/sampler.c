/*
 * Two parts. The first changes single logits in the row, in place: bias,
 * penalties, DRY, top-n-sigma. They touch few tokens, so nothing the size of
 * the vocabulary is copied. The second picks candidates out of the row and
 * narrows them down, in order, by the table `filters`.
 *
 * The grammar comes first of all by its meaning, but asking it about each
 * token of the vocabulary is slow. Whether it forbids a token depends on no
 * logit, and the others of the first part change each logit by itself. So
 * it is asked about the best candidates only, a few more of them if too many
 * fall: the result is the same. Only top-n-sigma looks at all logits at
 * once; with that one the grammar is asked about everything first.
 */
#include "worker/sampler.h"

#include "worker/draw.h"
#include "worker/filter.h"
#include "worker/mirostat.h"

#include "wire/embed.h"

#include <math.h>
#include <stdlib.h>

#define FIRST_LOOK 256u /* candidates at once where all may matter */
#define LOOK_FACTOR 8u	/* as many more when that was too few */

int
sampler_room_init(struct sampler_room *r, uint32_t n_vocab)
{
	r->n_vocab = n_vocab;
	r->cands = calloc(n_vocab, sizeof(*r->cands));
	r->window = calloc(n_vocab, sizeof(*r->window));
	r->counts = calloc(n_vocab, sizeof(*r->counts));
	if (r->cands != NULL && r->window != NULL && r->counts != NULL)
		return 0;
	sampler_room_done(r);
	return ERR_NOMEM;
}

void
sampler_room_done(struct sampler_room *r)
{
	free(r->cands);
	free(r->window);
	free(r->counts);
	*r = (struct sampler_room){ 0 };
}

/* Its pointers are into a frame that will be gone. */
static void
drop_views(struct gen_submit *g)
{
	g->prompt = g->messages = g->template_kwargs = STR("");
	g->grammar = g->json_schema = STR("");
	g->tokens = g->done = (struct i32s){ 0 };
	g->dry_breakers = g->stops = (struct strs){ 0 };
	g->logit_bias = g->adapters = (struct biases){ 0 };
	g->tools = STR("");
}

int
sampler_init(struct sampler *s, const struct gen_submit *g, const int32_t *bans,
    uint32_t n_bans, uint32_t n_ctx)
{
	size_t n = (size_t)g->logit_bias.n + n_bans;

	*s = (struct sampler){ .knobs = *g, .n_ctx = n_ctx };
	drop_views(&s->knobs);
	s->mu = g->resume && g->done.n > 0 ? g->mu : 2 * g->mirostat_tau;
	if (n == 0)
		return 0;
	s->bias = calloc(n, sizeof(*s->bias));
	if (s->bias == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < g->logit_bias.n; i++)
		s->bias[s->n_bias++] = g->logit_bias.p[i];
	for (uint32_t i = 0; i < n_bans; i++)
		s->bias[s->n_bias++] = (struct bias){ bans[i], -INFINITY };
	return 0;
}

void
sampler_done(struct sampler *s)
{
	free(s->bias);
	*s = (struct sampler){ 0 };
}

static void
add_bias(const struct sampler *s, float *row)
{
	for (uint32_t i = 0; i < s->n_bias; i++)
		row[s->bias[i].token] += s->bias[i].bias;
}

/* The last tokens that a penalty looks at; -1 is the context. */
static uint32_t
window_of(const struct sampler *s, int32_t last_n, uint32_t n)
{
	uint32_t w = last_n < 0 ? s->n_ctx : (uint32_t)last_n;

	return w < n ? w : n;
}

static void
penalize(const struct gen_submit *k, uint32_t count, float *logit)
{
	if (*logit <= 0)
		*logit *= k->repeat_penalty;
	else
		*logit /= k->repeat_penalty;
	*logit -= (float)count * k->frequency_penalty + k->presence_penalty;
}

static void
add_penalties(const struct sampler *s, struct sampler_room *room, float *row,
    const int32_t *tokens, uint32_t n)
{
	const struct gen_submit *k = &s->knobs;
	uint32_t w = window_of(s, k->repeat_last_n, n);

	if (k->repeat_penalty == 1 && k->frequency_penalty == 0 &&
	    k->presence_penalty == 0)
		return;
	for (uint32_t i = n - w; i < n; i++)
		if (!embed_is(tokens[i]))
			room->counts[tokens[i]]++;
	for (uint32_t i = n - w; i < n; i++) {
		uint32_t *count;

		if (embed_is(tokens[i]))
			continue;
		count = &room->counts[tokens[i]];
		if (*count > 0)
			penalize(k, *count, &row[tokens[i]]);
		*count = 0;
	}
}

/* Only tokens of the window can be penalized, so only those are shown. */
static void
add_dry(const struct sampler *s, struct sampler_room *room, float *row,
    const int32_t *tokens, uint32_t n)
{
	uint32_t w = window_of(s, s->knobs.dry_penalty_last_n, n);
	struct cand *v = room->window;
	size_t n_v = 0;

	if (s->hooks.dry == NULL)
		return;
	for (uint32_t i = n - w; i < n; i++)
		if (!embed_is(tokens[i]) && room->counts[tokens[i]]++ == 0)
			v[n_v++] =
			    (struct cand){ tokens[i], row[tokens[i]], 0 };
	s->hooks.dry(s->hooks.arg, v, n_v);
	for (size_t i = 0; i < n_v; i++) {
		row[v[i].id] = v[i].logit;
		room->counts[v[i].id] = 0;
	}
}

/* Keeps what is within n standard deviations of the best logit. */
static void
cut_by_sigma(const struct sampler *s, float *row, uint32_t n_vocab)
{
	double max = -INFINITY, sum = 0, squares = 0, mean, least;
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_vocab; i++) {
		if (!(row[i] > -INFINITY))
			continue;
		max = fmax(max, (double)row[i]);
		sum += (double)row[i];
		n++;
	}
	mean = n > 0 ? sum / n : 0;
	for (uint32_t i = 0; i < n_vocab; i++)
		if (row[i] > -INFINITY)
			squares +=
			    ((double)row[i] - mean) * ((double)row[i] - mean);
	least =
	    max - (double)s->knobs.top_n_sigma * sqrt(n > 0 ? squares / n : 0);
	for (uint32_t i = 0; i < n_vocab; i++)
		if ((double)row[i] < least)
			row[i] = -INFINITY;
}

/* Asks the grammar about the whole vocabulary, for what looks at all of it. */
static int
sieve_row(const struct sampler *s, struct sampler_room *room, float *row)
{
	int err;

	if (s->hooks.grammar == NULL)
		return 0;
	for (uint32_t i = 0; i < room->n_vocab; i++)
		room->cands[i] = (struct cand){ (int32_t)i, row[i], 0 };
	err = s->hooks.grammar(s->hooks.arg, room->cands, room->n_vocab);
	if (err != 0)
		return err;
	for (uint32_t i = 0; i < room->n_vocab; i++)
		row[i] = room->cands[i].logit;
	return 0;
}

/* The best k that the grammar allows. */
static int
select_top(const struct sampler *s, const struct sampler_room *room,
    const float *row, size_t k, struct cands *c)
{
	size_t look = k;
	int err;

	if (s->hooks.grammar == NULL) {
		cand_top(c, row, room->n_vocab, k);
		return 0;
	}
	if (look < FIRST_LOOK)
		look = FIRST_LOOK;
	for (;; look *= LOOK_FACTOR) {
		cand_top(c, row, room->n_vocab, look);
		err = s->hooks.grammar(s->hooks.arg, c->v, c->n);
		if (err != 0)
			return err;
		cand_compact(c, k);
		if (c->n == k || look >= room->n_vocab)
			return 0;
	}
}

/* Without top-k, top-p alone decides how many are needed: look at more until
 * they hold its share of the whole row. */
static int
select_share(const struct sampler *s, const struct sampler_room *room,
    const float *row, struct cands *c)
{
	double kept;

	for (size_t look = FIRST_LOOK; look < room->n_vocab;
	     look *= LOOK_FACTOR) {
		cand_top(c, row, room->n_vocab, look);
		if (c->n < look)
			return 0;
		c->rest = cand_rest(c, row, room->n_vocab);
		cand_softmax(c);
		kept = 0;
		for (size_t i = 0; i < c->n; i++)
			kept += (double)c->v[i].p;
		if (kept > (double)s->knobs.top_p)
			return 0;
	}
	cand_top(c, row, room->n_vocab, room->n_vocab);
	return 0;
}

static int
select_from(const struct sampler *s, const struct sampler_room *room,
    const float *row, struct cands *c)
{
	const struct gen_submit *k = &s->knobs;

	if (k->mirostat != 0)
		return select_top(s, room, row, room->n_vocab, c);
	if (filter_is_greedy(k))
		return select_top(s, room, row, 1, c);
	if (k->top_k > 0)
		return select_top(s, room, row, (size_t)k->top_k, c);
	if (s->hooks.grammar == NULL && k->typical_p >= 1 && k->top_p < 1)
		return select_share(s, room, row, c);
	return select_top(s, room, row, room->n_vocab, c);
}

/* The first part: everything that changes single logits. */
static int
change_row(const struct sampler *s, struct sampler_room *room, float *row,
    const int32_t *tokens, uint32_t n)
{
	bool has_sigma = s->knobs.top_n_sigma > 0 && s->knobs.mirostat == 0;
	int err = has_sigma ? sieve_row(s, room, row) : 0;

	if (err != 0)
		return err;
	add_bias(s, row);
	if (s->knobs.mirostat != 0)
		return 0;
	add_penalties(s, room, row, tokens, n);
	add_dry(s, room, row, tokens, n);
	if (has_sigma)
		cut_by_sigma(s, row, room->n_vocab);
	return 0;
}

static size_t
pick_one(
    struct sampler *s, struct sampler_room *room, uint32_t n, struct cands *c)
{
	double u = draw_unit(s->knobs.seed, n, DRAW_TOKEN);

	if (s->knobs.mirostat != 0) {
		filter_temperature(&s->knobs, c);
		return mirostat_pick(&s->knobs, u, room->n_vocab, &s->mu, c);
	}
	filter_run(&s->knobs, n, room->window, c);
	cand_softmax(c);
	return cand_draw(c, u);
}

int
sampler_pick(struct sampler *s, struct sampler_room *room, float *row,
    const int32_t *tokens, uint32_t n, int32_t *ret)
{
	struct cands c = { room->cands, 0, 0 };
	int err = change_row(s, room, row, tokens, n);
	size_t at;

	if (err != 0)
		return err;
	if (s->hooks.grammar == NULL && s->knobs.mirostat == 0 &&
	    filter_is_greedy(&s->knobs)) {
		*ret = cand_best(row, room->n_vocab);
		return *ret < 0 ? ERR_NOT_FOUND : 0;
	}
	err = select_from(s, room, row, &c);
	if (err == 0 && c.n == 0)
		err = ERR_NOT_FOUND;
	if (err != 0)
		return err;
	/* It may move c.v: first the call, then the look. */
	at = pick_one(s, room, s->n_gone + n, &c);
	*ret = c.v[at].id;
	return 0;
}
