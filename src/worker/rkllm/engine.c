/*
 * The rkllm engine as engine.h wants it: Rockchip's library, one run at a time.
 *
 * The library is in a thread of its own (runner.h) and hands its tokens over in
 * a queue (results.h), whose descriptor wakes the worker's loop. So no call
 * here waits for it; step() takes what has come.
 *
 * A run that is over for us (cancelled, a stop string, its budget) may go on in
 * the library for a while: it has its last word when the library has returned,
 * and only then is the slot free. What a new front submits before that waits in
 * `next`.
 *
 * Progress is owed while a run goes on and is not parked. When nobody takes the
 * tokens, because the front reads slowly, the loop says that it is idle; owes()
 * says what is owed again.
 */
#include "worker/engine.h"

#include "worker/rkllm/run.h"
#include "worker/rkllm/says.h"

#include "worker/pace.h"

#include "base/log.h"
#include "crash/crash.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_MAX_BYTES 64u
#define DESC_MAX 64u

struct engine {
	struct results results;
	struct runner runner;
	struct engine_events events;
	struct progress *p; /* or NULL */
	struct pace pace;
	enum progress_phase phase; /* of the run: prefill, then decode */
	uint64_t n_phase;	   /* its pieces */
	int model;		   /* a descriptor that stays open ... */
	char
	    path[PATH_MAX_BYTES]; /* ... because the library opens it by this */
	uint64_t size;
	uint32_t n_ctx;
	char desc[DESC_MAX];
	char identity[2 * DESC_MAX];
	struct run *run;	      /* that the library is in; or NULL */
	struct run *next;	      /* that waits until it is not; or NULL */
	bool has_warned;	      /* that a run's sampling does not count */
	struct lib_sampling sampling; /* of init */
};

/* One a process: it is loaded before there is an engine, and stays. */
static struct lib lib;

static int
rkllm_prepare(
    const struct worker_load *cfg, enum jail_kind *ret_jail, struct fail *why)
{
	*ret_jail = JAIL_NPU;
	/* What it prints shall be whole lines. */
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	return lib_open(&lib, cfg->rkllm_library, cfg->rkllm_version, why);
}

/* The one file, whatever is at its path now; and the jail lets nothing else
 * be opened. */
static int
name_file(struct engine *e, int fd, struct fail *why)
{
	struct stat st = { .st_size = 0 };

	e->model = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (e->model < 0 || fstat(e->model, &st) != 0)
		return fail_set(why, ERR_IO, NULL, "no descriptor for it");
	e->size = (uint64_t)st.st_size;
	(void)snprintf(e->path, sizeof(e->path), "/proc/self/fd/%d", e->model);
	return 0;
}

static int
init_library(struct engine *e, const struct worker_load *cfg, struct fail *why)
{
	struct lib_param param = { .model_path = e->path,
		.max_context_len =
		    cfg->n_ctx < INT32_MAX ? (int32_t)cfg->n_ctx : INT32_MAX,
		.skip_special_token = true };
	static struct says said; /* its thread may outlive the call */
	int err;

	says_begin(&said);
	err = lib_init(&lib, &param, runner_on_result, &e->runner, why);
	says_end(&said);
	if (err != 0) {
		says_explain(&said, why);
		return err;
	}
	e->n_ctx =
	    param.max_context_len > 0 ? (uint32_t)param.max_context_len : 1;
	e->sampling = param.sampling;
	return 0;
}

static int
check_config(
    const struct worker_load *cfg, const struct files *files, struct fail *why)
{
	if (files->n_adapters > 0)
		return fail_set(why, ERR_UNSUPPORTED, "lora",
		    "--lora and --lora-scaled are for GGUF files");
	if (cfg->template_override.n > 0)
		log_warn("%.*s: --chat-template-file is for GGUF files: "
			 "librkllmrt has the model's own",
		    (int)cfg->name.n, cfg->name.p);
	return 0;
}

static void
describe_library(struct engine *e)
{
	(void)snprintf(e->desc, sizeof(e->desc), "RKLLM %s", lib.version.text);
	(void)snprintf(e->identity, sizeof(e->identity),
	    "librkllmrt %s; exact: no, by token input", lib.version.text);
}

/* It is only to be freed where nothing of it is in use. */
static void
give_up(struct engine *e)
{
	if (e->model >= 0)
		(void)close(e->model);
	results_done(&e->results);
	free(e);
}

static int
rkllm_load(struct engine **ret, const struct worker_load *cfg,
    const struct files *files, const struct engine_events *events,
    struct progress *p, struct fail *why)
{
	struct engine *e = calloc(1, sizeof(*e));
	int err = check_config(cfg, files, why);

	if (e == NULL || results_init(&e->results) != 0) {
		free(e);
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	}
	e->model = -1;
	e->events = *events;
	e->p = p;
	if (err == 0)
		err = name_file(e, files->model, why);
	if (err == 0)
		err = runner_init(&e->runner, &lib, &e->results, p);
	if (err == 0)
		err = init_library(e, cfg, why);
	if (err == 0)
		err = runner_start(&e->runner);
	if (err != 0) {
		if (why->code == 0)
			(void)fail_set(why, err, NULL, "%s", err_text(err));
		give_up(e);
		return err;
	}
	describe_library(e);
	pace_init(&e->pace, p, e->size);
	*ret = e;
	return 0;
}

/* A library that does not return keeps all that it uses: the process ends. */
static void
rkllm_free(struct engine *e)
{
	if (e == NULL)
		return;
	if (!runner_stop(&e->runner)) {
		log_warn("librkllmrt does not end its run; left as it is");
		return;
	}
	lib_destroy(&lib);
	lib_close(&lib);
	run_free(e->run);
	run_free(e->next);
	give_up(e);
}

static void
rkllm_describe(const struct engine *e, struct worker_ready *ret)
{
	*ret = (struct worker_ready){ .arch = STR("rkllm"),
		.desc = str_of(e->desc),
		.identity = str_of(e->identity) };
	ret->n_ctx = e->n_ctx;
	ret->n_seq = 1;
	ret->has_template = 1;
	ret->size = e->size;
}

static void
say_failed(struct engine *e, uint64_t gen, const struct fail *why)
{
	struct gen_failed f = { .gen = gen,
		.err = why->code,
		.field = str_of(why->field),
		.text = str_of(why->text) };

	e->events.on_failed(e->events.arg, &f);
}

static void
say_started(struct engine *e, const struct run *r, bool is_resume)
{
	struct gen_started s = { .gen = r->id };

	/* Of a message the library alone knows the tokens. */
	if (!is_resume)
		s.prompt = (struct i32s){ r->ask.tokens, r->ask.n_given };
	e->events.on_started(e->events.arg, &s);
}

static void
say_last_word(struct engine *e, struct run *r)
{
	struct gen_done d;

	if (r->reason == RUN_FORGOTTEN)
		return;
	if (r->reason == RUN_FAILED) {
		say_failed(e, r->id, &r->why);
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

static void
begin_phase(struct engine *e, enum progress_phase phase, uint64_t n)
{
	e->phase = phase;
	e->n_phase = n;
	pace_begin(&e->pace, phase, n);
}

/* Bytes that the library has to read before its first token; a token is about
 * four. */
static uint64_t
size_of(const struct job *j)
{
	uint64_t n = 4 * j->input.tokens.n_tokens;

	if (j->input.type == RKLLM_IN_PROMPT)
		n += strlen(j->input.prompt);
	for (uint32_t i = 0; i < j->n_parts; i++)
		n += strlen(j->parts[i].prompt);
	return n;
}

static void
begin(struct engine *e, struct run *r)
{
	e->run = r;
	note_running(e, 1);
	begin_phase(e, PHASE_PREFILL, size_of(&r->ask.job));
	runner_begin(&e->runner, &r->ask.job);
	results_hold(&e->results, r->is_parked);
}

/* Before 1.3.0 its sampler is set at init, for all runs. */
static void
check_sampling(struct engine *e, const struct run *r)
{
	const struct lib_sampling *a = &r->ask.sampling;
	const struct lib_sampling *b = &e->sampling;

	if (lib.abi->samples_by_run || e->has_warned ||
	    (a->top_k == b->top_k && !(a->top_p < b->top_p) &&
		!(a->top_p > b->top_p) && !(a->temperature < b->temperature) &&
		!(a->temperature > b->temperature)))
		return;
	e->has_warned = true;
	log_warn("librkllmrt %s takes no sampling parameters with a run: all "
		 "have top_k %d, top_p %g, temperature %g",
	    lib.version.text, b->top_k, (double)b->top_p,
	    (double)b->temperature);
}

static bool
is_ending(const struct run *r)
{
	return r->reason != RUN_GOES_ON;
}

static void
rkllm_submit(struct engine *e, const struct gen_submit *g)
{
	struct fail why = { 0 };
	struct run *r = NULL;

	crash_note_step(STEP_SUBMIT, g->gen);
	if (e->next != NULL || (e->run != NULL && !is_ending(e->run)))
		(void)fail_set(&why, ERR_BUSY, NULL,
		    "librkllmrt computes one run at a time");
	else
		(void)!run_new(g, e->n_ctx, &r, &why);
	crash_note_step(STEP_NONE, 0);
	if (r == NULL) {
		say_failed(e, g->gen, &why);
		return;
	}
	check_sampling(e, r);
	say_started(e, r, g->resume != 0);
	if (e->run != NULL)
		e->next = r;
	else
		begin(e, r);
}

/* It is over for us; the library is asked to see it so. */
static void
end(struct engine *e, int reason)
{
	bool was_parked = e->run->is_parked;

	if (is_ending(e->run) && reason != RUN_FORGOTTEN)
		return;
	e->run->reason = reason;
	runner_cancel(&e->runner);
	if (was_parked)
		begin_phase(e, e->phase, e->n_phase);
}

static void
rkllm_cancel(struct engine *e, uint64_t id)
{
	if (e->run != NULL && e->run->id == id)
		end(e, REASON_CANCEL);
	if (e->next == NULL || e->next->id != id)
		return;
	e->next->reason = REASON_CANCEL;
	say_last_word(e, e->next);
	run_free(e->next);
	e->next = NULL;
}

static void
rkllm_cancel_all(struct engine *e)
{
	if (e->run != NULL)
		end(e, RUN_FORGOTTEN);
	run_free(e->next);
	e->next = NULL;
}

static void
rkllm_park(struct engine *e, uint64_t id, bool is_parked)
{
	if (e->next != NULL && e->next->id == id)
		e->next->is_parked = is_parked;
	if (e->run == NULL || e->run->id != id || is_ending(e->run))
		return;
	e->run->is_parked = is_parked;
	results_hold(&e->results, is_parked);
	if (is_parked)
		progress_begin(e->p, PHASE_IDLE, 0);
	else
		begin_phase(e, e->phase, e->n_phase);
	progress_bump(e->p);
}

static bool
stands_still(const struct engine *e)
{
	return e->run == NULL || (e->run->is_parked && !is_ending(e->run));
}

static bool
rkllm_has_work(struct engine *e)
{
	return !stands_still(e) && !results_is_empty(&e->results);
}

static int
rkllm_wake(const struct engine *e)
{
	return stands_still(e) ? -1 : e->results.wake;
}

static bool
rkllm_owes(struct engine *e)
{
	if (stands_still(e))
		return false;
	if (e->p != NULL && atomic_load(&e->p->phase) == PHASE_IDLE)
		begin_phase(e, e->phase, e->n_phase);
	return true;
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
	if (is_ending(r))
		return;
	(void)pace_end(&e->pace);
	begin_phase(e, PHASE_DECODE, 1);
	run_take(r, res, on_step, e);
	if (is_ending(r))
		runner_cancel(&e->runner);
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
	if (is_ending(r))
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

/* The library is out of the run. */
static void
on_over(struct engine *e, struct run *r, const struct result *res)
{
	struct run *next = e->next;

	if (!is_ending(r) && res->why.code != 0) {
		r->reason = RUN_FAILED;
		r->why = res->why;
	}
	if (!is_ending(r))
		r->reason = run_reason(r);
	if (r->reason != RUN_FORGOTTEN)
		run_deliver(r, on_step, e);
	say_last_word(e, r);
	run_free(r);
	e->run = NULL;
	e->next = NULL;
	note_running(e, 0);
	(void)pace_end(&e->pace);
	if (next != NULL)
		begin(e, next);
}

static void
rkllm_step(struct engine *e)
{
	static void (*const on[])(
	    struct engine *, struct run *, const struct result *) = {
		[RESULT_TOKEN] = on_token,
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

/* No unit of ours takes long. */
static void
rkllm_interrupt(struct engine *e)
{
	(void)e;
}

const struct engine_ops engine_rkllm = {
	.name = "rkllm",
	.prepare = rkllm_prepare,
	.load = rkllm_load,
	.free = rkllm_free,
	.describe = rkllm_describe,
	.submit = rkllm_submit,
	.cancel = rkllm_cancel,
	.cancel_all = rkllm_cancel_all,
	.park = rkllm_park,
	.has_work = rkllm_has_work,
	.step = rkllm_step,
	.interrupt = rkllm_interrupt,
	.wake = rkllm_wake,
	.owes = rkllm_owes,
};
