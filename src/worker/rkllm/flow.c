#include "worker/rkllm/flow.h"
#include "worker/say.h"

#include "base/log.h"
#include "crash/crash.h"

#include <stdlib.h>
#include <string.h>

struct lib flow_lib;

/* Of a message the library alone knows the tokens: see memo.h. */
void
flow_say_started(
    struct engine *e, const struct run *r, const struct gen_submit *g)
{
	struct gen_started s = { .gen = r->id };

	if (!g->resume) {
		s.prompt = ask_prompt(&r->ask);
		s.turns = g->turns;
	}
	e->events.on_started(e->events.arg, &s);
}

void
flow_say_last_word(struct engine *e, struct run *r)
{
	struct gen_done d;

	if (r->reason == RUN_FORGOTTEN)
		return;
	if (r->reason == RUN_FAILED) {
		engine_say_failed(&e->events, r->id, &r->why);
		return;
	}
	run_last_word(r, r->reason, &d);
	e->events.on_done(e->events.arg, &d);
}

static void
note_running(struct engine *e, uint32_t n)
{
	if (e->p != NULL)
		atomic_store(&e->p->running, n);
	crash_note_seat(0, n > 0 ? e->run->id : 0);
	crash_note_step(n > 0 ? STEP_TOKENS : STEP_NONE, 0);
}

void
flow_begin_phase(struct engine *e, enum progress_phase phase, uint64_t n)
{
	e->phase = phase;
	e->n_phase = n;
	pace_begin(&e->pace, phase, n);
}

static uint64_t
size_of_input(const struct lib_input *in)
{
	switch (in->type) {
	case RKLLM_IN_PROMPT:
		return strlen(in->prompt);
	case RKLLM_IN_TOKEN:
		return 4 * in->tokens.n_tokens;
	case RKLLM_IN_EMBED:
		return 4 * in->embed.n_tokens;
	case RKLLM_IN_MULTIMODAL:
		return strlen(in->images.prompt) +
		    4 * in->images.n_tokens * in->images.n_images;
	}
	return 0;
}

/* Bytes that the library has to read before its first token; a token is about
 * four. */
static uint64_t
size_of(const struct job *j)
{
	uint64_t n = size_of_input(j->input);

	for (uint32_t i = 0; i < j->n_parts; i++)
		n += size_of_input(&j->parts[i]);
	return n;
}

/* To load the model anew takes as long as it did. */
static void
expect_reload(struct engine *e, const struct job *j)
{
	if (runner_must_reload(&e->runner, j))
		progress_begin(e->p, PHASE_PREFILL, e->load_us);
}

void
flow_begin(struct engine *e, struct run *r)
{
	e->run = r;
	note_running(e, 1);
	flow_begin_phase(e, PHASE_PREFILL, size_of(&r->ask.job));
	expect_reload(e, &r->ask.job);
	/* Until it is over nobody knows. */
	e->kept.key = 0;
	runner_begin(&e->runner, &r->ask.job);
	results_hold(&e->results, r->is_parked);
}

void
flow_end(struct engine *e, int reason)
{
	bool was_parked = e->run->is_parked;

	if (flow_is_ending(e->run) && reason != RUN_FORGOTTEN)
		return;
	e->run->reason = reason;
	runner_cancel(&e->runner);
	if (was_parked)
		flow_begin_phase(e, e->phase, e->n_phase);
}

bool
flow_stands_still(const struct engine *e)
{
	return e->run == NULL || (e->run->is_parked && !flow_is_ending(e->run));
}

static uint32_t
lora_of(const struct run *r)
{
	return r == NULL ? 0 : r->ask.lora.id;
}

static uint32_t
cache_of(const struct run *r)
{
	return r == NULL ? 0 : r->ask.job.cache;
}

void
flow_sweep(struct engine *e)
{
	lora_sweep(&e->loras, lora_of(e->run), lora_of(e->next));
	cache_sweep(&e->caches, cache_of(e->run), cache_of(e->next));
}

static void
on_step(void *arg, const struct step *s)
{
	struct engine *e = arg;

	e->events.on_step(e->events.arg, s);
	if (e->p != NULL)
		atomic_fetch_add(&e->p->tokens, 1);
}

static void
on_token(struct engine *e, struct run *r, const struct result *res)
{
	if (flow_is_ending(r))
		return;
	(void)pace_end(&e->pace);
	flow_begin_phase(e, PHASE_DECODE, 1);
	run_take(r, res, on_step, e);
	/* It knows the budget of a run, where it takes one with it. */
	if (flow_is_ending(r) &&
	    !(r->reason == REASON_LENGTH && flow_lib.abi->samples_by_run)) {
		/* It has more than was delivered. */
		r->is_cut = true;
		runner_cancel(&e->runner);
	}
}

/* 0, or why these are not the next rows. */
static int
check_rows(struct engine *e, struct run *r, const struct result *res)
{
	if (res->n_rows > e->n_ctx ||
	    (r->ask.n_prompt != 0 && res->n_rows != r->ask.n_prompt) ||
	    res->row != r->row)
		return fail_set(&r->why, ERR_INTERNAL, "mode",
		    "mode: librkllmrt gives %u rows from %u on, where %u from "
		    "%u on of at most %u are wanted",
		    res->n_rows, res->row, r->ask.n_prompt, r->row, e->n_ctx);
	return 0;
}

static void
on_rows(struct engine *e, struct run *r, const struct result *res)
{
	struct gen_rows rows = { .gen = r->id,
		.mode = (uint8_t)r->mode,
		.n_cols = res->n_cols,
		.n_rows = res->n_rows,
		.first = res->row,
		.data = {
		    res->text, (size_t)res->n * res->n_cols * sizeof(float) } };

	if (flow_is_ending(r))
		return;
	(void)pace_end(&e->pace);
	flow_begin_phase(e, PHASE_DECODE, 1);
	if (check_rows(e, r, res) != 0) {
		r->reason = RUN_FAILED;
		runner_cancel(&e->runner);
		return;
	}
	e->events.on_rows(e->events.arg, &rows);
	r->n_rows = res->n_rows;
	r->row = res->row + res->n;
}

static void
on_fed(struct engine *e, struct run *r, const struct result *res)
{
	(void)e;
	if (res->perf.prefill_tokens > 0)
		r->n_read += (uint32_t)res->perf.prefill_tokens;
}

static void
on_finish(struct engine *e, struct run *r, const struct result *res)
{
	(void)e;
	r->perf = res->perf;
	r->has_perf = true;
}

static void
on_error(struct engine *e, struct run *r, const struct result *res)
{
	(void)e;
	(void)res;
	if (flow_is_ending(r))
		return;
	r->reason = RUN_FAILED;
	(void)fail_set(&r->why, ERR_INTERNAL, NULL,
	    "librkllmrt says that the run failed; the log has what it printed");
}

static void
on_dropped(struct engine *e, struct run *r, const struct result *res)
{
	(void)r;
	(void)res;
	runner_cancel(&e->runner);
}

static void
say_saved(struct engine *e, struct run *r, const struct worker_saved *s)
{
	cache_detach(&e->caches, r->save);
	r->save = 0;
	if (e->events.on_saved != NULL)
		e->events.on_saved(e->events.arg, s);
}

void
flow_end_at_once(struct engine *e, struct run *r)
{
	const struct worker_saved s = { .id = r->save,
		.err = ERR_FILE,
		.text = STR("the worker died before it was written; run it "
			    "again") };

	if (r->save != 0)
		say_saved(e, r, &s);
	r->reason = REASON_LENGTH;
	flow_say_last_word(e, r);
	run_free(r);
	flow_sweep(e);
}

/* When the library writes it nobody says: when the run is over it has. The
 * keeper writes it to the disk then, and sends no detach. */
static void
put_cache(struct engine *e, struct run *r)
{
	struct fail why = { 0 };
	struct worker_saved s;

	if (r->save == 0 || r->reason < 0 || r->reason == REASON_CANCEL)
		return;
	cache_put(&e->caches, r->save, r->save_fd, &s, &why);
	say_saved(e, r, &s);
}

/* The library is out of the run. */
static void
on_over(struct engine *e, struct run *r, const struct result *res)
{
	struct run *next = e->next;

	if (!flow_is_ending(r) && res->why.code != 0) {
		r->reason = RUN_FAILED;
		(void)fail_set(&r->why, res->why.code, res->why.field,
		    "%.240s; the log has what librkllmrt printed",
		    res->why.text);
	}
	if (!flow_is_ending(r) && r->mode != MODE_GENERATE &&
	    (r->n_rows == 0 || r->row < r->n_rows)) {
		r->reason = RUN_FAILED;
		(void)fail_set(&r->why, ERR_UNSUPPORTED, "mode",
		    "mode: librkllmrt gave %u of %u rows of this prompt",
		    r->row, r->n_rows);
	}
	if (!flow_is_ending(r))
		r->reason = run_reason(r);
	if (r->reason != RUN_FORGOTTEN)
		run_deliver(r, on_step, e);
	put_cache(e, r);
	flow_say_last_word(e, r);
	e->kept = run_kept(r);
	if (next == NULL || next->ask.job.lora != r->ask.job.lora)
		lora_take_back(r->ask.job.lora);
	run_free(r);
	e->run = NULL;
	flow_sweep(e);
	e->next = NULL;
	note_running(e, 0);
	(void)pace_end(&e->pace);
	if (next != NULL)
		flow_begin(e, next);
}

void
flow_take(struct engine *e)
{
	static void (*const on[])(
	    struct engine *, struct run *, const struct result *) = {
		[RESULT_TOKEN] = on_token,
		[RESULT_ROWS] = on_rows,
		[RESULT_FED] = on_fed,
		[RESULT_FINISH] = on_finish,
		[RESULT_ERROR] = on_error,
		[RESULT_DROPPED] = on_dropped,
		[RESULT_OVER] = on_over,
	};
	struct result res;

	if (!results_take(&e->results, &res))
		return;
	on[res.kind](e, e->run, &res);
	free(res.text);
}
