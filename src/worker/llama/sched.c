/*
 * The scheduler of the llama engine.
 *
 * Time is a sequence of turns. A turn is some jobs, then a step. A job is a
 * chunk or a prompt's tail of one sequence, alone in its batch; a step is one
 * token of each sequence that waits for just that, in one batch. Each turn
 * does a job if there is one, and more while they have not taken as long as
 * a step does: so a long prompt makes steps at most about twice as far apart,
 * and a prompt moves on however many others stream.
 *
 * A call of step() is one job or one step. So a cancel takes effect before
 * the next one, and tokens are on their way before it begins.
 *
 * Sequence ids are given out lowest first, because llama.cpp splits a batch
 * at each gap in its sequences.
 *
 * Only sequences with the same adapters are computed together. Where there are
 * several such sets, they take turns: each has what the others do not wait for,
 * and at least SET_US at a time, because to change sets takes milliseconds.
 */
#include "worker/llama/sched.h"
#include "worker/say.h"

#include "worker/llama/attach.h"
#include "worker/llama/decode.h"
#include "worker/llama/logs.h"

#include "base/clock.h"
#include "base/log.h"
#include "crash/crash.h"

#define SET_US 20000u

/* A batch is done; sampling follows. Returns how long it took. */
static uint64_t
note_progress(struct engine *e, uint64_t n_prompt)
{
	uint64_t us = pace_end(&e->pace);

	progress_begin(e->p, PHASE_SAMPLE, 0);
	if (e->p != NULL) {
		atomic_store(&e->p->running, e->n_gens);
		atomic_fetch_add(&e->p->prompt_tokens, n_prompt);
	}
	return us;
}

/* A slot that is free again has an empty cache, or one that is kept. */
void
sched_drop(struct engine *e, struct gen *g, bool may_keep)
{
	if ((!may_keep || !kept_put(&e->kept[g->seq], g)) && g->n_past > 0 &&
	    model_cut(&e->m, g->seq, 0) != 0)
		log_error("sequence %d cannot be emptied", g->seq);
	e->gens[g->seq] = NULL;
	crash_note_seat(g->seq, 0);
	e->n_gens--;
	if (e->p != NULL)
		atomic_store(&e->p->running, e->n_gens);
	gen_free(g);
	attach_sweep(e);
}

void
sched_finish(struct engine *e, struct gen *g, int reason)
{
	struct gen_done d;

	gen_last_word(g, reason, &d);
	e->events.on_done(e->events.arg, &d);
	sched_drop(e, g, true);
}

static void
fail(struct engine *e, struct gen *g, int err, const char *what)
{
	const char *words = logs_error();
	struct fail why;

	if (err == ERR_INVALID) /* by grammar_sieve() or _accept() */
		(void)fail_set(&why, err, "grammar",
		    "grammar: too complex to find the next token");
	else
		(void)fail_set(&why, err, NULL, "%s%s%s", what,
		    words[0] != '\0' ? ": " : "", words);
	log_warn(
	    "generation %llu failed: %s", (unsigned long long)g->id, why.text);
	engine_say_failed(&e->events, g->id, &why);
	sched_drop(e, g, false);
}

static void
say_step(struct engine *e, struct gen *g, struct step *s)
{
	if (emit_is_held(&g->emit))
		s->flags |= STEP_HELD;
	if (gen_has_parts(g))
		s->flags |= STEP_PARTS;
	if (g->sampler.knobs.mirostat != 0) {
		s->flags |= STEP_MU;
		s->mu = g->sampler.mu;
	}
	e->events.on_step(e->events.arg, s);
	if (e->p != NULL)
		atomic_fetch_add(&e->p->tokens, 1);
	progress_bump(e->p);
}

/* Nothing may come next: with a grammar or bans that is an end, without them
 * the logits were no numbers. */
static void
nothing_left(struct engine *e, struct gen *g)
{
	if (g->grammar != NULL || g->sampler.n_bias > 0)
		sched_finish(e, g, REASON_EOS);
	else if (g->adapters.n > 0)
		fail(e, g, ERR_UNSUPPORTED,
		    "with these LoRA adapters at these scales the model's "
		    "logits are no numbers");
	else
		fail(e, g, ERR_INTERNAL, "the model's logits are no numbers");
}

static void
take(struct engine *e, struct gen *g, struct step *s)
{
	int reason;
	int err;

	if (g->first_us == 0)
		g->first_us = clock_us();
	if (model_is_end(&e->m, s->token)) {
		sched_finish(e, g, REASON_EOS);
		return;
	}
	err = gen_take(g, s->token, &s->text, &reason);
	if (err != 0) {
		fail(e, g, err, "the token cannot be taken");
		return;
	}
	say_step(e, g, s);
	if (reason != GEN_GOES_ON)
		sched_finish(e, g, reason);
}

/* One more token from the i-th row of the batch. */
static void
sample(struct engine *e, struct gen *g, int32_t i)
{
	const struct gen_submit *k = &g->sampler.knobs;
	struct step s = { .gen = g->id };
	float *row = model_row(&e->m, i);
	int err = row == NULL ? ERR_INTERNAL : 0;

	crash_note_step(STEP_SAMPLE, g->id);
	if (err == 0 && g->plan.rule != PLAN_FREE) {
		s.flags |= STEP_HASH;
		s.hash = exact_hash(row, e->m.n_vocab);
	}
	if (err == 0 && k->want_logprobs)
		err = logprob_keep(&e->logprob, &e->m, row);
	if (err == 0)
		err = gen_pick(g, &e->room, row, &s.token);
	if (err == ERR_NOT_FOUND) {
		nothing_left(e, g);
		return;
	}
	if (err != 0) {
		fail(e, g, err, "sampling failed");
		return;
	}
	if (k->want_logprobs)
		logprob_report(
		    &e->logprob, &e->m, &e->room, k->n_top_logprobs, &s);
	take(e, g, &s);
}

/* Rows that wait to be sent are a job too. */
static enum plan_kind
next_kind(const struct gen *g)
{
	if (g == NULL || g->is_parked)
		return PLAN_NOTHING;
	return rows_are_waiting(&g->rows) ? PLAN_PROMPT : gen_next(g).kind;
}

static bool
is_in_turn(const struct engine *e, const struct gen *g)
{
	return g != NULL && adapter_set_eq(&g->adapters, &e->set);
}

static bool
has_job(const struct engine *e, const struct gen *g)
{
	enum plan_kind kind = next_kind(g);

	return kind != PLAN_NOTHING && kind != PLAN_SINGLE && is_in_turn(e, g);
}

static bool
has_single(const struct engine *e, const struct gen *g)
{
	return next_kind(g) == PLAN_SINGLE && is_in_turn(e, g);
}

/* The next sequence with a job, from next_job on round; -1: none. */
static int32_t
find_job(const struct engine *e)
{
	for (uint32_t i = 0; i < e->m.n_seq; i++) {
		uint32_t seq = (e->next_job + i) % e->m.n_seq;

		if (has_job(e, e->gens[seq]))
			return (int32_t)seq;
	}
	return -1;
}

static bool
any_single(const struct engine *e)
{
	for (uint32_t i = 0; i < e->m.n_seq; i++)
		if (has_single(e, e->gens[i]))
			return true;
	return false;
}

/* Whether a row of this op can be compared: of a chunk that is decoded again
 * only the last one was sampled from. */
static bool
is_checked(const struct gen *g, struct plan_op op, uint32_t pos)
{
	return exact_check_wants(&g->check, pos) &&
	    (op.kind != PLAN_CHUNK || pos + 1 == op.from + op.n);
}

/* A batch of op's, which are all ids or all embeddings. */
static int
fill(struct engine *e, const struct gen *g, struct plan_op op)
{
	if (!embed_is(g->tokens[op.from]))
		model_begin(&e->m);
	else if (model_begin_embeds(&e->m) != 0)
		return ERR_NOMEM;
	for (uint32_t pos = op.from; pos < op.from + op.n; pos++) {
		int32_t t = g->tokens[pos];
		bool wants = rows_are_wanted(&g->rows) ||
		    pos + 1 == g->n_tokens || is_checked(g, op, pos);

		if (embed_is(t))
			model_add_embed(&e->m,
			    g->embeds.rows + (size_t)embed_row(t) * e->m.n_embd,
			    pos, g->seq, wants);
		else
			model_add(&e->m, t, pos, g->seq, wants);
	}
	return 0;
}

/* A chunk that is decoded again is removed first. */
static int
decode_op(struct engine *e, const struct gen *g, struct plan_op op)
{
	bool is_row_by_row =
	    g->plan.rule == PLAN_ROWS && op.kind != PLAN_PROMPT;

	if (op.from < g->n_past && model_cut(&e->m, g->seq, op.from) != 0)
		return ERR_INTERNAL;
	if (fill(e, g, op) != 0)
		return ERR_NOMEM;
	model_want_hidden(&e->m, e->m.only_embeds || rows_are_hidden(&g->rows));
	return model_run(&e->m,
	    op.kind == PLAN_ALONE ? BATCH_STEP : BATCH_CHUNK,
	    is_row_by_row ? e->m.kernels : KERNELS_OWN, &g->adapters);
}

/* The rows of a resume beside those of before; the verdict is said once.
 * row: the first of op's in the batch. */
static void
check_rows(struct engine *e, struct gen *g, struct plan_op op, uint32_t row)
{
	struct gen_checked c = { .gen = g->id };
	bool agrees = false;

	for (uint32_t i = 0; i < op.n; i++)
		if (is_checked(g, op, op.from + i))
			exact_check_row(&g->check, op.from + i,
			    model_row(&e->m, (int32_t)(row + i)), e->m.n_vocab);
	if (!exact_check_is_over(&g->check, op.from + op.n, &agrees))
		return;
	c.agrees = agrees && g->plan.rule != PLAN_FREE;
	e->events.on_checked(e->events.arg, &c);
}

/* One frame of them: in between it is looked whether the front takes more. */
static void
send_rows(struct engine *e, struct gen *g)
{
	struct gen_rows r;

	rows_give(&g->rows, &r);
	r.gen = g->id;
	e->events.on_rows(e->events.arg, &r);
	progress_bump(e->p);
	if (rows_are_over(&g->rows))
		sched_finish(e, g, REASON_LENGTH);
}

static void
take_rows(struct engine *e, struct gen *g, struct plan_op op)
{
	int err = rows_take(&g->rows, &e->m, g->seq, op.from, op.n);

	if (err != 0)
		fail(e, g, err, "rows cannot be had");
	else if (rows_are_waiting(&g->rows))
		send_rows(e, g);
}

/* A chunk of the prompt is computed. */
static void
say_progress(struct engine *e, const struct gen *g)
{
	struct gen_progress p = { .gen = g->id, .n_done = g->n_past };

	if (g->wants_progress && g->n_out == 0 && e->events.on_progress != NULL)
		e->events.on_progress(e->events.arg, &p);
}

static void
run_job(struct engine *e, struct gen *g)
{
	struct plan_op op = gen_next(g);
	uint32_t known = g->n_tokens;
	uint64_t us;
	int err;

	pace_begin(&e->pace, PHASE_PREFILL, op.n);
	err = decode_op(e, g, op);
	us = note_progress(e, op.from + op.n - g->n_past);
	e->jobs_us += us;
	e->set_us += us;
	e->next_job = (uint32_t)g->seq + 1;
	if (e->m.is_interrupted)
		return;
	if (err != 0) {
		fail(e, g, err, "decoding failed");
		return;
	}
	g->n_past = op.from + op.n;
	caches_put(e, g);
	say_progress(e, g);
	if (rows_are_wanted(&g->rows)) {
		take_rows(e, g, op);
		return;
	}
	check_rows(e, g, op, 0);
	if (g->n_past == known)
		sample(e, g, (int32_t)op.n - 1);
}

/* Every sequence that waits for one token, in order of their ids. If one of
 * them shall be exact, all are computed in that way. */
static uint32_t
gather(struct engine *e, enum kernels *ret_kernels)
{
	uint32_t n = 0;

	model_begin(&e->m);
	for (uint32_t i = 0; i < e->m.n_seq; i++) {
		struct gen *g = e->gens[i];

		if (!has_single(e, g))
			continue;
		model_add(&e->m, g->tokens[g->n_past], g->n_past, g->seq,
		    g->n_past + 1 == g->n_tokens ||
			exact_check_wants(&g->check, g->n_past));
		if (g->plan.rule == PLAN_ROWS)
			*ret_kernels = e->m.kernels;
		e->stepping[n++] = g;
	}
	return n;
}

static void
run_step(struct engine *e)
{
	struct gen **in = e->stepping;
	enum kernels k = KERNELS_OWN;
	uint32_t n = gather(e, &k);
	uint64_t us;
	int err;

	model_want_hidden(&e->m, e->m.only_embeds);
	pace_begin(&e->pace, PHASE_DECODE, n);
	err = model_run(&e->m, BATCH_STEP, k, &e->set);
	us = note_progress(e, 0);
	e->jobs_us = 0;
	e->set_us += us;
	e->step_us = e->step_us == 0 ? us : (7 * e->step_us + us) / 8;
	if (e->m.is_interrupted)
		return;
	for (uint32_t i = 0; i < n; i++) {
		if (err != 0) {
			fail(e, in[i], err, "decoding failed");
			continue;
		}
		check_rows(e, in[i],
		    (struct plan_op){ PLAN_SINGLE, in[i]->n_past, 1 }, i);
		in[i]->n_past++;
		caches_put(e, in[i]);
		if (in[i]->n_past == in[i]->n_tokens)
			sample(e, in[i], (int32_t)i);
	}
}

/* A sequence that has work but not its turn, from next_set on round; NULL:
 * none. */
static const struct gen *
find_other(const struct engine *e)
{
	for (uint32_t i = 0; i < e->m.n_seq; i++) {
		const struct gen *g = e->gens[(e->next_set + i) % e->m.n_seq];

		if (next_kind(g) != PLAN_NOTHING && !is_in_turn(e, g))
			return g;
	}
	return NULL;
}

/* Whose turn it is, where there are several sets of adapters. */
static void
choose_set(struct engine *e)
{
	bool has_work = any_single(e) || find_job(e) >= 0;
	const struct gen *other;

	if ((e->m.adapters.n == 0 && e->set.n == 0) ||
	    (has_work && e->set_us < SET_US))
		return;
	other = find_other(e);
	e->set_us = 0;
	if (other == NULL)
		return;
	e->set = other->adapters;
	e->next_set = (uint32_t)other->seq + 1;
	e->jobs_us = 0;
}

bool
sched_has_work(struct engine *e)
{
	return any_single(e) || find_job(e) >= 0 || find_other(e) != NULL;
}

void
sched_step(struct engine *e)
{
	int32_t job = -1;

	choose_set(e);
	if (e->jobs_us == 0 || e->jobs_us < e->step_us || !any_single(e))
		job = find_job(e);
	if (job >= 0 && rows_are_waiting(&e->gens[job]->rows))
		send_rows(e, e->gens[job]);
	else if (job >= 0)
		run_job(e, e->gens[job]);
	else
		run_step(e);
}
