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
#include "worker/rkllm/flow.h"
#include "worker/say.h"

#include "worker/rkllm/says.h"

#include "base/clock.h"
#include "base/log.h"
#include "crash/crash.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
rkllm_prepare(
    const struct worker_load *cfg, enum jail_kind *ret_jail, struct fail *why)
{
	*ret_jail = JAIL_NPU;
	/* What it prints shall be whole lines. */
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	return lib_open(&flow_lib, cfg->rkllm_library, cfg->rkllm_version, why);
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
	uint32_t n_ctx = cfg->n_ctx != 0 ? cfg->n_ctx : cfg->ctx_wanted;
	struct lib_param param = { .model_path = e->path,
		.max_context_len =
		    n_ctx < INT32_MAX ? (int32_t)n_ctx : INT32_MAX,
		.skip_special_token = true };
	static struct says said; /* its thread may outlive the call */
	uint64_t start = clock_us();
	int err;

	says_begin(&said);
	err = lib_init(&flow_lib, &param, runner_on_result, &e->runner, why);
	says_end(&said);
	e->load_us = (double)(clock_us() - start);
	e->runner.param = param;
	if (err != 0) {
		says_explain(&said, why);
		return err;
	}
	e->n_ctx =
	    param.max_context_len > 0 ? (uint32_t)param.max_context_len : 1;
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
	(void)snprintf(
	    e->desc, sizeof(e->desc), "RKLLM %s", flow_lib.version.text);
	(void)snprintf(e->identity, sizeof(e->identity),
	    "librkllmrt %s; exact: no, by token input", flow_lib.version.text);
}

/* It is only to be freed where nothing of it is in use. */
static void
give_up(struct engine *e)
{
	if (e->model >= 0)
		(void)close(e->model);
	lora_done(&e->loras);
	cache_done(&e->caches);
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
	lora_init(&e->loras);
	e->events = *events;
	e->p = p;
	if (err == 0)
		err = name_file(e, files->model, why);
	if (err == 0)
		err = runner_init(&e->runner, &flow_lib, &e->results, p);
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
	cache_init(&e->caches, e->model, flow_lib.version.text);
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
	lib_destroy(&flow_lib);
	lib_close(&flow_lib);
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
	ret->any_embd = 1;
	ret->cross_attn = flow_lib.set_cross_attn_params != NULL;
	ret->has_template = 1;
	ret->size = e->size;
}

/* What is to be saved may have been, by the worker before. */
static int
use_caches(struct engine *e, const struct gen_submit *g, struct run *r,
    struct fail *why)
{
	struct job *j = &r->ask.job;

	if (g->cache != 0) {
		if (!cache_path(&e->caches, g->cache, r->cache_path))
			return fail_set(why, ERR_INVALID, "cache",
			    "cache: there is no prompt cache %u", g->cache);
		j->cache = g->cache;
		j->cache_path = r->cache_path;
	}
	if (!cache_has_save(&e->caches, g->save))
		return 0;
	r->save = g->save;
	r->save_fd = cache_new(r->save_path);
	if (r->save_fd < 0)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	j->infer.cache_path = r->save_path;
	j->infer.save_cache = true;
	return 0;
}

static int
use_lora(struct engine *e, struct run *r, struct fail *why)
{
	const struct runner_lora *in_use =
	    e->run != NULL ? e->run->ask.job.lora : NULL;
	struct job *job = &r->ask.job;
	int err;

	if (r->ask.lora.id == 0)
		return 0;
	err = lora_find(&e->loras, r->ask.lora.id, r->ask.lora.scale, in_use,
	    &job->lora, why);
	job->epoch = e->loras.epoch;
	if (err == 0)
		job->infer.lora = job->lora->name;
	return err;
}

static int
read_run(struct engine *e, const struct gen_submit *g, const struct ask_of *of,
    struct run **ret, struct fail *why)
{
	int err = run_new(g, of, ret, why);

	return err != 0 ? err : use_lora(e, *ret, why);
}

static int
new_run(struct engine *e, const struct gen_submit *g, struct run **ret,
    struct fail *why)
{
	/* What the run that is being ended leaves is not known. */
	const struct ask_kept nothing = { .key = 0 };
	struct ask_of of = { .n_ctx = e->n_ctx,
		.marks_by_run = flow_lib.abi->marks_by_run,
		.kept = e->run == NULL ? &e->kept : &nothing };
	struct run *r = NULL;
	int err = read_run(e, g, &of, &r, why);

	if (err == 0 && r->ask.job.goes_on &&
	    runner_forgets(&e->runner, &r->ask.job)) {
		run_free(r);
		r = NULL;
		of.kept = &nothing;
		err = read_run(e, g, &of, &r, why);
	}
	if (err == 0)
		err = use_caches(e, g, r, why);
	if (err != 0)
		run_free(r);
	else
		*ret = r;
	return err;
}

static void
rkllm_submit(struct engine *e, const struct gen_submit *g)
{
	struct fail why = { 0 };
	struct run *r = NULL;

	crash_note_step(STEP_SUBMIT, g->gen);
	if (g->mode > MODE_LOGITS || g->input > INPUT_EMBEDS)
		(void)fail_set(&why, ERR_UNSUPPORTED, NULL,
		    "librkllmrt tells nothing of a model's vocabulary, "
		    "template or embeddings");
	else if (e->next != NULL || (e->run != NULL && !flow_is_ending(e->run)))
		(void)fail_set(&why, ERR_BUSY, NULL,
		    "librkllmrt computes one run at a time");
	else
		(void)!new_run(e, g, &r, &why);
	crash_note_step(STEP_NONE, 0);
	if (r == NULL) {
		engine_say_failed(&e->events, g->gen, &why);
		return;
	}
	flow_say_started(e, r, g);
	/* The worker before has said all, but for the last word. */
	if (g->done.n > 0 && g->done.n >= r->ask.max_out)
		flow_end_at_once(e, r);
	else if (e->run != NULL)
		e->next = r;
	else
		flow_begin(e, r);
}

static void
rkllm_cancel(struct engine *e, uint64_t id)
{
	if (e->run != NULL && e->run->id == id)
		flow_end(e, REASON_CANCEL);
	if (e->next == NULL || e->next->id != id)
		return;
	e->next->reason = REASON_CANCEL;
	flow_say_last_word(e, e->next);
	run_free(e->next);
	e->next = NULL;
}

static void
rkllm_cancel_all(struct engine *e)
{
	if (e->run != NULL)
		flow_end(e, RUN_FORGOTTEN);
	run_free(e->next);
	e->next = NULL;
}

static void
rkllm_park(struct engine *e, uint64_t id, bool is_parked)
{
	if (e->next != NULL && e->next->id == id)
		e->next->is_parked = is_parked;
	if (e->run == NULL || e->run->id != id || flow_is_ending(e->run))
		return;
	e->run->is_parked = is_parked;
	results_hold(&e->results, is_parked);
	if (is_parked)
		progress_begin(e->p, PHASE_IDLE, 0);
	else
		flow_begin_phase(e, e->phase, e->n_phase);
	progress_bump(e->p);
}

static bool
rkllm_has_work(struct engine *e)
{
	return !flow_stands_still(e) && !results_is_empty(&e->results);
}

static int
rkllm_wake(const struct engine *e)
{
	return flow_stands_still(e) ? -1 : e->results.wake;
}

static bool
rkllm_owes(struct engine *e)
{
	if (flow_stands_still(e))
		return false;
	if (e->p != NULL && atomic_load(&e->p->phase) == PHASE_IDLE)
		flow_begin_phase(e, e->phase, e->n_phase);
	return true;
}

static int
rkllm_attach(
    struct engine *e, const struct worker_attach *a, int fd, struct fail *why)
{
	if (a->kind == ATTACH_CACHE && flow_lib.load_prompt_cache == NULL)
		return fail_set(why, ERR_UNSUPPORTED, NULL,
		    "this librkllmrt (%s) has no rkllm_load_prompt_cache",
		    flow_lib.version.text);
	if (a->kind == ATTACH_LORA)
		return lora_attach(&e->loras, a->id, fd, why);
	if (a->kind == ATTACH_CACHE || a->kind == ATTACH_SAVE)
		return cache_attach(&e->caches, a, fd, why);
	return fail_set(why, ERR_UNSUPPORTED, NULL,
	    "this model's engine takes no files of kind %u", a->kind);
}

static void
rkllm_detach(struct engine *e, uint32_t id)
{
	lora_detach(&e->loras, id);
	cache_detach(&e->caches, id);
	flow_sweep(e);
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
	.step = flow_take,
	.attach = rkllm_attach,
	.detach = rkllm_detach,
	.interrupt = rkllm_interrupt,
	.wake = rkllm_wake,
	.owes = rkllm_owes,
};
