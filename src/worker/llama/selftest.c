/*
 * One play is one sequence from its prompt to its last token, driven by
 * plan.h as the scheduler drives it. The first is alone and is noted; the
 * others must find the same rows: with other sequences that come and go, with
 * a resume in the middle, and with one batch as large as any may be. What the
 * tokens are does not matter, so they are made up, and nothing is sampled.
 */
#include "worker/llama/selftest.h"

#include "worker/llama/decode.h"
#include "worker/llama/exact.h"
#include "worker/llama/identity.h"
#include "worker/llama/kernels.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

#define PROMPT 5u
#define OUTPUT_MOST 8u	/* tokens */
#define OUTPUT_LEAST 3u /* tokens, where a step is slow */
#define SLOW_US 50000u	/* such a step is */

struct probe {
	struct model *m;
	struct progress *p;
	struct plan plan;
	struct adapter_set adapters;
	uint32_t n_out;
	uint64_t want[OUTPUT_MOST + 1]; /* by tokens of output decoded */
	uint32_t *others; /* tokens in the cache of each sequence */
	uint64_t step_us; /* the longest so far */
	bool is_lone;	  /* this play is the one that is noted */
};

/* What a play is like. */
struct play {
	uint32_t n_done; /* of the output, known from the start: a resume */
	bool is_wide;	 /* batches of output are filled up to a chunk */
	bool has_company;
};

/* Any token, the same each time. */
static int32_t
token_at(const struct model *m, int32_t seq, uint32_t pos)
{
	uint64_t z = ((uint64_t)(uint32_t)seq << 32 | pos) + 1;

	z *= 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	return (int32_t)((z ^ z >> 31) % m->n_vocab);
}

static int
run(struct probe *t, enum batch_kind kind, enum kernels k)
{
	uint64_t start = clock_us();
	int err = model_run(t->m, kind, k, &t->adapters);

	if (err == 0)
		llama_synchronize(t->m->ctx);
	if (kind == BATCH_STEP && clock_us() - start > t->step_us)
		t->step_us = clock_us() - start;
	if (t->p != NULL)
		atomic_fetch_add(&t->p->count, 1);
	return err;
}

/* One token of each of n other sequences, from a beginning or going on. */
static void
add_others(struct probe *t, uint32_t n)
{
	for (uint32_t s = 1; s < t->m->n_seq && s <= n; s++) {
		uint32_t pos = t->others[s]++;

		model_add(t->m, token_at(t->m, (int32_t)s, pos), pos,
		    (int32_t)s, false);
	}
}

/* How many are there at the i-th step: one, all, and in between. */
static uint32_t
company_at(const struct model *m, uint32_t i)
{
	static const uint32_t few[] = { 1, 0, 3, 2, 7, 0, 15, 5 };
	uint32_t n = few[i % (sizeof(few) / sizeof(few[0]))];

	return n == 0 ? m->n_seq - 1 : n;
}

static int
decode(struct probe *t, const struct play *play, struct plan_op op,
    uint32_t n_past, uint32_t *ret_row)
{
	bool is_output = op.kind != PLAN_PROMPT;
	enum kernels k = is_output ? t->m->kernels : KERNELS_OWN;
	uint32_t n = op.n;

	if (op.from < n_past && model_cut(t->m, 0, op.from) != 0)
		return ERR_INTERNAL;
	if (op.kind == PLAN_REPLAY && play->is_wide)
		n = t->plan.chunk < t->m->n_ctx - op.from
		    ? t->plan.chunk
		    : t->m->n_ctx - op.from;
	model_begin(t->m);
	for (uint32_t i = 0; i < n; i++)
		model_add(t->m, token_at(t->m, 0, op.from + i), op.from + i, 0,
		    i + 1 == op.n);
	*ret_row = op.n - 1;
	if (op.kind == PLAN_SINGLE && play->has_company)
		add_others(t, company_at(t->m, op.from - t->plan.n_prompt));
	return run(t, op.n == 1 ? BATCH_STEP : BATCH_CHUNK, k);
}

/* Others go on in calls of their own, where that is the rule. */
static int
decode_others(struct probe *t)
{
	if (t->m->n_seq < 2)
		return 0;
	model_begin(t->m);
	add_others(t, 1);
	return run(t, BATCH_STEP, t->m->kernels);
}

static int
fill(struct probe *t, const struct play *play, uint32_t n_known,
    uint32_t *n_past, uint64_t *ret_hash)
{
	struct plan_op op;
	uint32_t row = 0;
	const float *logits;
	int err = 0;

	while (err == 0) {
		op = plan_next(&t->plan, *n_past, n_known);
		if (op.kind == PLAN_NOTHING)
			break;
		if (op.kind == PLAN_ALONE && play->has_company)
			err = decode_others(t);
		if (err == 0)
			err = decode(t, play, op, *n_past, &row);
		*n_past = op.from + op.n;
	}
	logits = err == 0 ? model_row(t->m, (int32_t)row) : NULL;
	if (logits == NULL)
		return ERR_INTERNAL;
	*ret_hash = exact_hash(logits, t->m->n_vocab);
	return 0;
}

/* Notes or compares the row after each token; *ret_same is left where all are
 * as they should be. */
static int
run_play(struct probe *t, const struct play *play, bool *ret_same)
{
	uint32_t n_past = 0;

	llama_memory_clear(llama_get_memory(t->m->ctx), false);
	for (uint32_t s = 0; s < t->m->n_seq; s++)
		t->others[s] = 0;
	for (uint32_t out = play->n_done; out <= t->n_out; out++) {
		uint64_t hash;
		int err = fill(t, play, t->plan.n_prompt + out, &n_past, &hash);

		if (err != 0)
			return err;
		if (t->is_lone)
			t->want[out] = hash;
		else if (t->want[out] != hash)
			*ret_same = false;
		if (play->is_wide)
			break; /* its cache has more than is known */
		if (t->is_lone && t->step_us > SLOW_US &&
		    t->n_out > OUTPUT_LEAST)
			t->n_out = OUTPUT_LEAST;
	}
	return 0;
}

static int
play_all(struct probe *t, bool *ret_same)
{
	int err;

	t->is_lone = true;
	err = run_play(t, &(struct play){ .n_done = 0 }, ret_same);
	t->is_lone = false;
	if (err == 0)
		err = run_play(t, &(struct play){ 0, false, true }, ret_same);
	if (err == 0 && *ret_same)
		err = run_play(
		    t, &(struct play){ t->n_out, true, false }, ret_same);
	if (err == 0 && *ret_same)
		err = run_play(t,
		    &(struct play){ t->n_out / 2 + 1, false, true }, ret_same);
	return err;
}

/* Whether output under this rule has the same bits whatever happens, with the
 * model's adapters and without. */
static int
try_rule(struct probe *t, enum plan_rule rule, enum kernels k, bool *ret_same)
{
	struct model *m = t->m;
	int err;

	m->kernels = k;
	t->plan =
	    (struct plan){ rule, m->chunk, NULL, 0, PROMPT, m->is_one_way };
	t->n_out = OUTPUT_MOST;
	/* Where chunks fill, one does so in the middle of the output. */
	if (rule == PLAN_SHAPES && m->chunk > OUTPUT_MOST)
		t->plan.n_prompt = m->chunk - 2;
	*ret_same = t->plan.n_prompt + t->n_out < m->n_ctx;
	if (!*ret_same)
		return 0; /* too short a context to tell */
	t->adapters = (struct adapter_set){ 0 };
	err = play_all(t, ret_same);
	if (err != 0 || !*ret_same || m->adapters.n == 0)
		return err;
	adapter_set_all(&t->adapters, &m->adapters);
	return play_all(t, ret_same);
}

static int
try_all(struct probe *t)
{
	static const struct {
		enum plan_rule rule;
		enum kernels kernels;
	} rules[] = {
		{ PLAN_ROWS, KERNELS_ROWS },
		{ PLAN_ROWS, KERNELS_DOTS },
		{ PLAN_SHAPES, KERNELS_OWN },
	};
	bool is_same = false;
	size_t n = sizeof(rules) / sizeof(rules[0]);

	for (size_t i = 0; i < n; i++) {
		int err =
		    try_rule(t, rules[i].rule, rules[i].kernels, &is_same);

		if (err != 0)
			return err;
		if (is_same) {
			t->m->rule = rules[i].rule;
			return 0;
		}
	}
	t->m->rule = PLAN_FREE;
	t->m->kernels = KERNELS_OWN;
	return 0;
}

static int
open_probe(struct probe *t, struct model *m, struct progress *p)
{
	*t = (struct probe){ .m = m, .p = p };
	t->others = calloc(m->n_seq, sizeof(*t->others));
	return t->others == NULL ? ERR_NOMEM : 0;
}

static void
close_probe(struct probe *t)
{
	free(t->others);
	llama_memory_clear(llama_get_memory(t->m->ctx), true);
}

int
selftest_try(
    struct model *m, enum plan_rule rule, enum kernels k, bool *ret_same)
{
	enum kernels was = m->kernels;
	struct probe t;
	int err = open_probe(&t, m, NULL);

	if (err != 0)
		return err;
	err = try_rule(&t, rule, k, ret_same);
	m->kernels = was;
	close_probe(&t);
	return err;
}

int
selftest_run(struct model *m, struct str tested, struct progress *p)
{
	uint64_t start = clock_us();
	struct probe t;
	int err;

	/* Nothing follows a prompt, and that is one batch whoever computes. */
	if (m->only_embeds || identity_recall(m, tested))
		return 0;
	err = open_probe(&t, m, p);
	if (err != 0)
		return err;
	err = try_all(&t);
	close_probe(&t);
	if (err == 0)
		log_info("exact resume: %s, tested in %llu ms",
		    identity_class(m),
		    (unsigned long long)(clock_us() - start) / 1000);
	return err;
}
