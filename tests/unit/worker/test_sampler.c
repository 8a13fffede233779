/* Tokens against plain re-statements of the samplers, and what must never
 * happen: a crash, a banned token, a draw that depends on anything else. */
#include "worker/sampler.h"

#include "worker/draw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VOCAB 1000u

/* All samplers off, but the draw. */
static const struct gen_submit neutral = {
	.seed = 7,
	.temperature = 1,
	.dynatemp_exponent = 1,
	.top_p = 1,
	.typical_p = 1,
	.top_n_sigma = -1,
	.xtc_threshold = 1,
	.repeat_penalty = 1,
	.mirostat_tau = 5,
	.mirostat_eta = 0.1F,
};

static struct sampler_room room;
static float row[VOCAB];

static int
setup(void **state)
{
	(void)state;
	srand(1);
	return sampler_room_init(&room, VOCAB);
}

static int
teardown(void **state)
{
	(void)state;
	sampler_room_done(&room);
	return 0;
}

static float
random_logit(void)
{
	/* Coarse, so that there are ties. */
	return (float)(rand() % 200) / 8 - 12;
}

static void
random_row(void)
{
	for (uint32_t i = 0; i < VOCAB; i++)
		row[i] = random_logit();
}

/* A pick from a copy of the row. -1: nothing may come. */
static int32_t
pick_with(const struct gen_submit *g, const struct sampler_hooks *hooks,
    const int32_t *tokens, uint32_t n)
{
	float copy[VOCAB];
	struct sampler s;
	int32_t token = -1;
	int err;

	memcpy(copy, row, sizeof(copy));
	assert_int_equal(sampler_init(&s, g, NULL, 0, 4096), 0);
	if (hooks != NULL)
		s.hooks = *hooks;
	err = sampler_pick(&s, &room, copy, tokens, n, &token);
	assert_true(err == 0 || err == ERR_NOT_FOUND);
	assert_int_equal(err == 0, token >= 0);
	sampler_done(&s);
	return token;
}

static int32_t
pick(const struct gen_submit *g, uint32_t pos)
{
	static const int32_t none[4096];

	return pick_with(g, NULL, none, pos);
}

static void
test_greedy(void **state)
{
	struct gen_submit g = neutral;

	(void)state;
	g.temperature = 0;
	for (int i = 0; i < 200; i++) {
		int32_t best = 0;

		random_row();
		for (int32_t t = 1; t < (int32_t)VOCAB; t++)
			if (row[t] > row[best])
				best = t;
		assert_int_equal(pick(&g, 5), best);
		/* The same through the candidates: ties go to the lower. */
		g.top_k = 1;
		g.temperature = 1e-30F;
		assert_int_equal(pick(&g, 5), best);
		g.top_k = 0;
		assert_int_equal(pick(&g, 5), best);
		g.temperature = 0;
	}
}

static int
by_rank(const void *a, const void *b)
{
	const struct cand *x = a, *y = b;

	if (x->logit != y->logit)
		return x->logit < y->logit ? 1 : -1;
	return x->id - y->id;
}

static void
test_cand_top(void **state)
{
	struct cand all[VOCAB];
	struct cands c = { room.cands, 0, 0 };

	(void)state;
	for (size_t k = 0; k <= VOCAB + 1; k += 1 + k / 3) {
		size_t n = 0;

		random_row();
		row[17] = NAN;
		row[18] = -INFINITY;
		for (int32_t t = 0; t < (int32_t)VOCAB; t++)
			if (row[t] > -INFINITY)
				all[n++] = (struct cand){ t, row[t], 0 };
		qsort(all, n, sizeof(all[0]), by_rank);
		cand_top(&c, row, VOCAB, k);
		assert_int_equal(c.n, k < n ? k : n);
		for (size_t i = 0; i < c.n; i++)
			assert_int_equal(c.v[i].id, all[i].id);
	}
}

/* Token 3 has a probability of 0.5, 5 of 0.3, 9 of 0.2. */
static void
three_tokens(void)
{
	for (uint32_t i = 0; i < VOCAB; i++)
		row[i] = -INFINITY;
	row[3] = logf(0.5F);
	row[5] = logf(0.3F);
	row[9] = logf(0.2F);
}

/* How often each of the three comes at 4000 positions. */
static void
count(const struct gen_submit *g, double ret[3])
{
	ret[0] = ret[1] = ret[2] = 0;
	for (uint32_t pos = 0; pos < 4000; pos++) {
		int32_t t = pick(g, pos);

		assert_true(t == 3 || t == 5 || t == 9);
		ret[t == 3 ? 0 : t == 5 ? 1 : 2] += 1.0 / 4000;
	}
}

static void
expect_shares(const struct gen_submit *g, double a, double b, double c)
{
	double got[3];

	count(g, got);
	assert_true(fabs(got[0] - a) < 0.03);
	assert_true(fabs(got[1] - b) < 0.03);
	assert_true(fabs(got[2] - c) < 0.03);
}

static void
test_shares(void **state)
{
	struct gen_submit g = neutral;

	(void)state;
	three_tokens();
	expect_shares(&g, 0.5, 0.3, 0.2);
	g.top_k = 2;
	expect_shares(&g, 0.625, 0.375, 0);
	g.top_k = 0;
	g.top_p = 0.6F;
	expect_shares(&g, 0.625, 0.375, 0);
	g.top_p = 1;
	g.min_p = 0.5F;
	expect_shares(&g, 0.625, 0.375, 0);
	g.min_p = 0;
	g.temperature = 0.5F; /* squares: 25, 9, 4 of 38 */
	expect_shares(&g, 25.0 / 38, 9.0 / 38, 4.0 / 38);
	g.temperature = 1;
	/* Entropy 1.03; surprises 0.69, 1.20, 1.61: 5 is the most typical. */
	g.typical_p = 0.2F;
	expect_shares(&g, 0, 1, 0);
	g.typical_p = 0.4F;
	expect_shares(&g, 0.625, 0.375, 0);
	g.typical_p = 1;
	/* Mean of the logits -1.17, deviation 0.38: 9 is further away. */
	g.top_n_sigma = 2;
	expect_shares(&g, 0.625, 0.375, 0);
	g.top_n_sigma = -1;
	g.xtc_probability = 1; /* all above the threshold but the last */
	g.xtc_threshold = 0.25F;
	expect_shares(&g, 0, 0.6, 0.4);
	g.xtc_probability = 0.5F;
	expect_shares(&g, 0.25, 0.45, 0.3);
}

/* Cold where the model is sure, hot where it is not. */
static void
test_dynamic_temperature(void **state)
{
	struct gen_submit g = neutral;
	double got[3];

	(void)state;
	three_tokens();
	g.dynatemp_range = 1; /* entropy 1.03 of log 3: temperature 1.87 */
	count(&g, got);
	assert_true(got[0] < 0.45 && got[2] > 0.23);
	row[3] = logf(0.98F);
	row[5] = logf(0.01F);
	row[9] = logf(0.01F);
	count(&g, got);
	assert_true(got[0] > 0.999);
}

static void
test_penalties(void **state)
{
	static const int32_t tokens[] = { 5, 3, 3, 9, 3 };
	struct gen_submit g = neutral;

	(void)state;
	for (uint32_t i = 0; i < VOCAB; i++)
		row[i] = -5;
	row[3] = 4;
	row[9] = 3;
	row[5] = 2.5F;
	g.temperature = 0;
	g.repeat_last_n = 64;
	g.frequency_penalty = 0.4F;
	assert_int_equal(pick_with(&g, NULL, tokens, 5), 3); /* 2.8, 2.6 */
	g.frequency_penalty = 0.6F;
	assert_int_equal(pick_with(&g, NULL, tokens, 5), 9); /* 2.2, 2.4 */
	g.repeat_last_n = 1; /* only the last 3: 3.4 */
	assert_int_equal(pick_with(&g, NULL, tokens, 5), 3);
	g.frequency_penalty = 0;
	g.repeat_last_n = -1;
	g.presence_penalty = 2; /* 2, 1, 0.5 */
	assert_int_equal(pick_with(&g, NULL, tokens, 5), 3);
	g.repeat_last_n = 0;
	assert_int_equal(pick_with(&g, NULL, tokens, 5), 3);
	g.presence_penalty = 0;
	g.repeat_last_n = 3; /* 3 and 9; not 5 */
	g.repeat_penalty = 2;
	assert_int_equal(pick_with(&g, NULL, tokens, 5), 5);
	/* What is negative is multiplied, not divided. */
	row[3] = -1;
	row[9] = -3;
	row[5] = -1.5F;
	assert_int_equal(pick_with(&g, NULL, tokens, 5), 5);
}

static void
test_bias(void **state)
{
	const struct bias bias[] = { { 3, -INFINITY }, { 7, 30 } };
	struct gen_submit g = neutral;

	(void)state;
	three_tokens();
	row[7] = -20;
	g.temperature = 0;
	g.logit_bias = (struct biases){ bias, 1 };
	assert_int_equal(pick(&g, 0), 5);
	g.logit_bias.n = 2;
	assert_int_equal(pick(&g, 0), 7);
}

static void
test_nothing_left(void **state)
{
	struct gen_submit g = neutral;

	(void)state;
	for (uint32_t i = 0; i < VOCAB; i++)
		row[i] = i % 2 ? NAN : -INFINITY;
	assert_int_equal(pick(&g, 0), -1);
	g.temperature = 0;
	assert_int_equal(pick(&g, 0), -1);
	g.mirostat = 2;
	assert_int_equal(pick(&g, 0), -1);
}

/* arg: which tokens are allowed. */
static int
on_grammar(void *arg, struct cand *v, size_t n)
{
	const bool *allowed = arg;

	for (size_t i = 0; i < n; i++)
		if (!allowed[v[i].id])
			v[i].logit = -INFINITY;
	return 0;
}

static float
between(double low, double high)
{
	return (float)(low + (high - low) * (rand() % 1001) / 1000);
}

static struct gen_submit
random_knobs(void)
{
	struct gen_submit g = neutral;

	g.seed = (uint64_t)rand();
	g.temperature = rand() % 4 == 0 ? 0 : between(0.01, 3);
	g.top_k = rand() % 3 == 0 ? 0 : rand() % 60;
	g.top_p = rand() % 2 ? 1 : between(0, 1);
	g.min_p = rand() % 2 ? 0 : between(0, 1);
	g.typical_p = rand() % 2 ? 1 : between(0, 1);
	g.top_n_sigma = rand() % 3 ? -1 : between(0, 4);
	g.xtc_probability = rand() % 2 ? 0 : between(0, 1);
	g.xtc_threshold = between(0, 0.5);
	g.dynatemp_range = rand() % 3 ? 0 : between(0, 2);
	g.repeat_penalty = rand() % 2 ? 1 : between(0.5, 2);
	g.repeat_last_n = rand() % 64 - 1;
	g.mirostat = (uint8_t)(rand() % 4 == 0 ? 1 + rand() % 2 : 0);
	return g;
}

/* The grammar is asked about a few candidates; it must be as if it had been
 * asked about all of them first. */
static void
test_grammar_is_first(void **state)
{
	bool allowed[VOCAB];
	struct sampler_hooks hooks = { allowed, on_grammar, NULL };
	int32_t tokens[64];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct gen_submit g = random_knobs();
		int odds = 1 + rand() % 400;
		int32_t lazy;

		random_row();
		for (int t = 0; t < 64; t++)
			tokens[t] = rand() % (int)VOCAB;
		for (uint32_t t = 0; t < VOCAB; t++)
			allowed[t] = rand() % odds == 0;
		lazy = pick_with(&g, &hooks, tokens, 64);
		for (uint32_t t = 0; t < VOCAB; t++)
			if (!allowed[t])
				row[t] = -INFINITY;
		assert_int_equal(lazy, pick_with(&g, NULL, tokens, 64));
	}
}

/* Top-p alone looks at a part of the vocabulary; min-p that changes nothing
 * beside typical that changes nothing makes it look at everything. */
static void
test_share_of_all(void **state)
{
	struct gen_submit g = neutral, all;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		random_row();
		if (i % 2)
			row[rand() % (int)VOCAB] += 12;
		g.seed = (uint64_t)i;
		g.top_p = between(0, 0.999);
		all = g;
		all.top_k = (int32_t)VOCAB;
		assert_int_equal(pick(&g, 9), pick(&all, 9));
	}
}

/* The mean surprise comes to where it is wanted. */
static void
test_mirostat(void **state)
{
	(void)state;
	for (uint8_t version = 1; version <= 2; version++) {
		struct gen_submit g = neutral;
		struct sampler s;
		static const int32_t none[4000];
		double mu = 0;

		g.mirostat = version;
		g.mirostat_tau = 3;
		assert_int_equal(sampler_init(&s, &g, NULL, 0, 4096), 0);
		assert_true(s.mu == 6);
		for (uint32_t pos = 0; pos < 1000; pos++) {
			int32_t t;

			for (uint32_t i = 0; i < VOCAB; i++)
				row[i] = -logf((float)(i + 1));
			assert_int_equal(
			    sampler_pick(&s, &room, row, none, pos, &t), 0);
			mu += (double)s.mu / 1000;
		}
		assert_true(isfinite(mu) && mu > 1 && mu < 12);
		sampler_done(&s);
	}
	/* With one candidate and absurd rates: no NaN comes to stay. */
	three_tokens();
	row[5] = row[9] = -INFINITY;
	struct gen_submit g = neutral;

	g.mirostat = 1;
	g.mirostat_eta = 1e38F;
	g.mirostat_tau = 1e38F;
	assert_int_equal(pick(&g, 1), 3);
}

/* mu is the only state: given back, the run goes on as it would have. */
static void
test_mirostat_resumes(void **state)
{
	struct gen_submit g = neutral;
	static const int32_t none[100];
	int32_t want[100], got;
	float mu[100];
	struct sampler s;

	(void)state;
	g.mirostat = 2;
	for (int pass = 0; pass < 2; pass++) {
		assert_int_equal(sampler_init(&s, &g, NULL, 0, 4096), 0);
		for (uint32_t pos = 0; pos < 100; pos++) {
			srand(pos + 1);
			random_row();
			if (pass == 1 && pos > 0) {
				struct gen_submit again = g;

				sampler_done(&s);
				again.resume = 1;
				again.done = (struct i32s){ none, pos };
				again.mu = mu[pos - 1];
				assert_int_equal(
				    sampler_init(&s, &again, NULL, 0, 4096), 0);
			}
			assert_int_equal(
			    sampler_pick(&s, &room, row, none, pos, &got), 0);
			if (pass == 0) {
				want[pos] = got;
				mu[pos] = s.mu;
			}
			assert_int_equal(got, want[pos]);
		}
		sampler_done(&s);
	}
}

/* Anything finite, any row: a token of the vocabulary or none, and the same
 * one again. */
static void
test_never_crashes(void **state)
{
	static const float odd[] = { NAN, INFINITY, -INFINITY, 1e38F, -1e38F, 0,
		1e-38F };
	int32_t tokens[64];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct gen_submit g = random_knobs();
		int32_t t;

		random_row();
		for (int k = rand() % 30; k > 0; k--)
			row[rand() % (int)VOCAB] = odd[rand() % 7];
		for (int k = 0; k < 64; k++)
			tokens[k] = rand() % (int)VOCAB;
		g.temperature *= rand() % 5 ? 1 : 1e38F;
		g.dynatemp_exponent = between(-100, 100);
		g.mirostat_tau = between(-10, 10);
		g.mirostat_eta = between(-10, 1e6);
		t = pick_with(&g, NULL, tokens, 64);
		assert_true(t >= -1 && t < (int32_t)VOCAB);
		assert_int_equal(pick_with(&g, NULL, tokens, 64), t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_greedy),
		cmocka_unit_test(test_cand_top),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_dynamic_temperature),
		cmocka_unit_test(test_penalties),
		cmocka_unit_test(test_bias),
		cmocka_unit_test(test_nothing_left),
		cmocka_unit_test(test_grammar_is_first),
		cmocka_unit_test(test_share_of_all),
		cmocka_unit_test(test_mirostat),
		cmocka_unit_test(test_mirostat_resumes),
		cmocka_unit_test(test_never_crashes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
