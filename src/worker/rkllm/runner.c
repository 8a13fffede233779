#include "worker/rkllm/runner.h"

#include "worker/rkllm/memo.h"

#include "base/log.h"
#include "crash/crash.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define STOP_S 1

/* The text is the library's as long as the callback lasts. */
static char *
copy_of(const char *text)
{
	return text == NULL || *text == '\0' ? NULL
					     : strndup(text, RESULT_TEXT_MAX);
}

static void
put(struct runner *r, enum result_kind kind, const struct rkllm_result *from)
{
	struct result res = { .kind = kind };

	if (from != NULL)
		res.perf = from->perf;
	results_put(r->results, &res);
}

static void
put_token(struct runner *r, const struct rkllm_result *from, bool is_waiting)
{
	struct result res = { .kind = RESULT_TOKEN, .is_waiting = is_waiting };

	/* Without one there is no token that could be told. */
	if (from == NULL)
		return;
	/* Numbers that are no token mean something else here: memo.h. */
	res.token = from->token_id >= 0 && from->token_id < MEMO_WORDS
	    ? from->token_id
	    : 0;
	if (!is_waiting)
		res.text = copy_of(from->text);
	results_put(r->results, &res);
}

static bool
put_piece(struct runner *r, const struct result *about, const float *rows)
{
	struct result res = *about;
	size_t n = (size_t)res.n * res.n_cols * sizeof(*rows);

	res.text = malloc(n);
	if (res.text == NULL)
		return false;
	memcpy(res.text, rows + (size_t)res.row * res.n_cols, n);
	results_put(r->results, &res);
	return true;
}

/* They are the library's as long as the callback lasts, which waits until all
 * but the last of them are taken. */
static void
put_rows(struct runner *r, const struct job *job, const float *rows,
    int32_t n_cols, int32_t n_rows)
{
	struct result res = { .kind = RESULT_ROWS,
		.n_cols = (uint32_t)n_cols,
		.n_rows = (uint32_t)n_rows,
		.row = job->row };
	uint32_t most;

	if (rows == NULL || n_cols <= 0 || n_rows <= 0 ||
	    (size_t)n_cols > ROW_MAX / sizeof(*rows))
		return;
	most = (uint32_t)(ROWS_FRAME / ((size_t)n_cols * sizeof(*rows)));
	if (most == 0)
		most = 1;
	for (; res.row < res.n_rows && !atomic_load(&r->is_cancelled);
	     res.row += res.n) {
		uint32_t left = res.n_rows - res.row;

		res.n = left < most ? left : most;
		if (!put_piece(r, &res, rows)) {
			put(r, RESULT_ERROR, NULL);
			return;
		}
	}
}

static int
on_rows(struct runner *r, const struct rkllm_result *from)
{
	const struct job *job = r->job;

	if (from != NULL && job->infer.mode == RKLLM_MODE_HIDDEN)
		put_rows(r, job, from->last_hidden_layer.hidden_states,
		    from->last_hidden_layer.embd_size,
		    from->last_hidden_layer.num_tokens);
	else if (from != NULL)
		put_rows(r, job, from->logits.logits, from->logits.vocab_size,
		    from->logits.num_tokens);
	return RKLLM_RELEASE;
}

/* What a part gives is rows of numbers, which are let go at once. */
static int
on_part(struct runner *r, const struct rkllm_result *from, int state)
{
	if (state == RKLLM_STATE_FINISH)
		put(r, RESULT_FED, from);
	else if (state == RKLLM_STATE_ERROR)
		put(r, RESULT_ERROR, from);
	return state == RKLLM_STATE_NORMAL ? RKLLM_RELEASE : RKLLM_GO_ON;
}

static int
on_asked(struct runner *r, const struct rkllm_result *from)
{
	if (from != NULL && from->last_hidden_layer.hidden_states != NULL &&
	    from->last_hidden_layer.embd_size > 0)
		r->n_embd = (uint32_t)from->last_hidden_layer.embd_size;
	return RKLLM_RELEASE;
}

int
runner_on_result(struct rkllm_result *result, void *userdata, int state)
{
	struct runner *r = userdata;

	progress_bump(r->p);
	if (!atomic_load(&r->is_running))
		return RKLLM_GO_ON;
	if (atomic_load(&r->is_asking))
		return on_asked(r, result);
	if (atomic_load(&r->is_reading))
		return on_part(r, result, state);
	switch (state) {
	case RKLLM_STATE_NORMAL:
		if (atomic_load(&r->wants_rows))
			return on_rows(r, result);
		put_token(r, result, false);
		break;
	case RKLLM_STATE_WAITING:
		put_token(r, result, true);
		break;
	case RKLLM_STATE_FINISH:
		put(r, RESULT_FINISH, result);
		break;
	default:
		put(r, RESULT_ERROR, result);
	}
	return RKLLM_GO_ON;
}

static int
run_one(struct runner *r, const struct lib_input *in,
    const struct lib_infer *infer, struct fail *why)
{
	int err;

	if (atomic_load(&r->is_cancelled))
		return 0;
	atomic_store(&r->is_running, true);
	err = lib_run(r->lib, in, infer, r, why);
	atomic_store(&r->is_running, false);
	progress_bump(r->p);
	return err;
}

/* What a run before has left: a run without a history has it cleared by the
 * library, one with it goes on from what is there. */
static int
clean(struct runner *r, const struct job *job, struct fail *why)
{
	int err;

	if (!r->is_dirty || job->goes_on || !job->infer.keep_history)
		return 0;
	err = lib_clear_kv_cache(r->lib, true, NULL, NULL, why);
	r->is_dirty = err != 0;
	return err;
}

static bool
is_text(const struct lib_input *in)
{
	return in->type == RKLLM_IN_PROMPT || in->type == RKLLM_IN_MULTIMODAL;
}

/* Whether it matters which template there is. */
static bool
reads_text(const struct job *job)
{
	for (uint32_t i = 0; i < job->n_parts; i++)
		if (is_text(&job->parts[i]))
			return true;
	return is_text(job->input);
}

/* Before 1.3.0 it is told of its sampler at init alone. */
static bool
samples_otherwise(const struct runner *r, const struct job *job)
{
	return !r->lib->abi->samples_by_run &&
	    job->infer.mode == RKLLM_MODE_GENERATE &&
	    memcmp(job->infer.sampling, &r->param.sampling,
		sizeof(r->param.sampling)) != 0;
}

bool
runner_must_reload(const struct runner *r, const struct job *job)
{
	return samples_otherwise(r, job) ||
	    (job->lora != NULL && job->epoch != r->epoch) ||
	    setup_must_reload(&r->setup, &job->setup, reads_text(job));
}

bool
runner_forgets(const struct runner *r, const struct job *job)
{
	return runner_must_reload(r, job) || (job->n_row > 0 && r->n_embd == 0);
}

/* Without its model the process is of no use: another is. */
static _Noreturn void
die(const char *text)
{
	log_error("the model could not be loaded anew: %s", text);
	crash_note_abort(text);
	abort();
}

static void
reload(struct runner *r, const struct job *job)
{
	const struct setup *marks =
	    job->setup.has_marks ? &job->setup : &r->setup;
	struct setup next = { .has_cross = job->setup.has_cross };
	struct fail why = { 0 };

	for (int i = SETUP_START; i < SETUP_TEXTS; i++)
		next.text[i] = marks->text[i];
	if (samples_otherwise(r, job)) {
		log_info("the model is loaded anew, because librkllmrt %s has "
			 "to be told then how to sample",
		    r->lib->version.text);
		r->param.sampling = *job->infer.sampling;
		r->param.has_sampling = true;
	}
	r->epoch = job->epoch;
	lib_destroy(r->lib);
	if (!setup_copy(&r->setup, &next))
		die("out of memory");
	setup_param(&r->setup, &r->param);
	r->is_dirty = false;
	r->cache = 0;
	r->life++;
	if (lib_init(r->lib, &r->param, runner_on_result, r, &why) != 0)
		die(why.text);
}

/* What another client wants of it may be another. */
static int
set_up(struct runner *r, const struct job *job, struct fail *why)
{
	struct rkllm_cross_attn_param cross = job->cross;
	int err;

	if (runner_must_reload(r, job))
		reload(r, job);
	err = reads_text(job) ? setup_tell(r->lib, &r->setup, &job->setup, why)
			      : 0;
	if (err != 0 || !job->setup.has_cross)
		return err;
	err = lib_set_cross_attn_params(r->lib, &cross, why);
	if (err != ERR_INTERNAL)
		return err;
	return fail_set(why, ERR_UNSUPPORTED, "cross_attn_params",
	    "cross_attn_params: the library does not take them for this "
	    "model: %.200s",
	    why->text);
}

/* Its file is a client's: what is wrong with it is no fault of the model. */
static int
of_file(const char *field, const char *what, int err, struct fail *why)
{
	if (err != ERR_INTERNAL)
		return err;
	return fail_set(why, ERR_FILE, field,
	    "%s: the library does not take the %s: %.200s", field, what,
	    why->text);
}

static int
use_lora(struct runner *r, const struct job *job, struct fail *why)
{
	struct runner_lora *l = job->lora;
	int err;

	if (l == NULL || l->life == r->life)
		return 0;
	err = lib_load_lora(r->lib, l->path, l->name, l->scale, why);
	if (err == 0)
		l->life = r->life;
	return of_file("lora_params", "adapter's file", err, why);
}

/* The library has one, for all runs. */
static int
use_cache(struct runner *r, const struct job *job, struct fail *why)
{
	int err = 0;

	if (r->cache == job->cache)
		return 0;
	if (r->cache != 0)
		err = lib_release_prompt_cache(r->lib, why);
	if (err != 0)
		return err;
	r->cache = 0;
	if (job->cache == 0)
		return 0;
	err = lib_load_prompt_cache(r->lib, job->cache_path, why);
	if (err == 0)
		r->cache = job->cache;
	return of_file("prompt_cache_path", "prompt cache", err, why);
}

/* The library reads rows as long as its model has them, from memory where there
 * may be less, and tells nobody how long that is: but a row of hidden states is
 * as long. What some models add to an embedding comes in whole rows. */
static int
check_rows(struct runner *r, const struct job *job, struct fail *why)
{
	const struct lib_infer ask = { .mode = RKLLM_MODE_HIDDEN };
	const char *field = job->input->type == RKLLM_IN_MULTIMODAL
	    ? "multimodal_input.image_embed"
	    : "embed";
	int32_t id = 1;
	const struct lib_input one = {
		.type = RKLLM_IN_TOKEN, .role = "user", .tokens = { &id, 1 }
	};
	int err = 0;

	if (job->n_row == 0)
		return 0;
	if (r->n_embd == 0) {
		atomic_store(&r->is_asking, true);
		err = run_one(r, &one, &ask, why);
		atomic_store(&r->is_asking, false);
	}
	if (err != 0 || atomic_load(&r->is_cancelled))
		return err;
	if (r->n_embd == 0)
		return fail_set(why, ERR_UNSUPPORTED, field,
		    "%s: librkllmrt does not tell how long this model's "
		    "embeddings are",
		    field);
	if (job->n_row % r->n_embd == 0)
		return 0;
	return fail_set(why, ERR_INVALID, field,
	    "%s: has %u numbers for each token, but this model's have %u",
	    field, job->n_row, r->n_embd);
}

static void
do_job(struct runner *r, const struct job *job, struct fail *why)
{
	const struct lib_infer reading = { .mode = RKLLM_MODE_HIDDEN,
		.keep_history = true,
		.lora = job->infer.lora };
	int err = set_up(r, job, why);

	if (err == 0)
		err = use_lora(r, job, why);
	if (err == 0)
		err = use_cache(r, job, why);
	if (err == 0)
		err = check_rows(r, job, why);
	if (err == 0)
		err = clean(r, job, why);

	atomic_store(&r->is_reading, true);
	for (uint32_t i = 0; i < job->n_parts && err == 0; i++)
		err = run_one(r, &job->parts[i], &reading, why);
	atomic_store(&r->is_reading, false);
	atomic_store(&r->wants_rows, job->infer.mode != RKLLM_MODE_GENERATE);
	if (err == 0)
		(void)!run_one(r, job->input, &job->infer, why);
	r->is_dirty = job->infer.keep_history;
}

static const struct job *
next_job(struct runner *r)
{
	const struct job *job;

	(void)pthread_mutex_lock(&r->lock);
	while (r->job == NULL && !r->is_leaving)
		(void)pthread_cond_wait(&r->has_news, &r->lock);
	job = r->is_leaving ? NULL : r->job;
	(void)pthread_mutex_unlock(&r->lock);
	return job;
}

static void *
live(void *arg)
{
	struct runner *r = arg;
	const struct job *job;

	(void)prctl(PR_SET_NAME, "rkllm");
	while ((job = next_job(r)) != NULL) {
		struct result over = { .kind = RESULT_OVER };

		do_job(r, job, &over.why);
		(void)pthread_mutex_lock(&r->lock);
		r->job = NULL;
		(void)pthread_mutex_unlock(&r->lock);
		results_put(r->results, &over);
	}
	return NULL;
}

int
runner_init(struct runner *r, struct lib *lib, struct results *results,
    struct progress *p)
{
	*r = (struct runner){
		.lib = lib, .results = results, .p = p, .life = 1
	};
	if (pthread_mutex_init(&r->lock, NULL) != 0)
		return ERR_NOMEM;
	return pthread_cond_init(&r->has_news, NULL) == 0 ? 0 : ERR_NOMEM;
}

int
runner_start(struct runner *r)
{
	return pthread_create(&r->thread, NULL, live, r) == 0 ? 0 : ERR_NOMEM;
}

bool
runner_stop(struct runner *r)
{
	struct timespec until;

	runner_cancel(r);
	(void)pthread_mutex_lock(&r->lock);
	r->is_leaving = true;
	(void)pthread_cond_broadcast(&r->has_news);
	(void)pthread_mutex_unlock(&r->lock);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_S;
	if (pthread_timedjoin_np(r->thread, NULL, &until) != 0)
		return false;
	setup_done(&r->setup);
	return true;
}

void
runner_begin(struct runner *r, const struct job *job)
{
	results_open(r->results, true);
	atomic_store(&r->is_cancelled, false);
	(void)pthread_mutex_lock(&r->lock);
	r->job = job;
	(void)pthread_cond_broadcast(&r->has_news);
	(void)pthread_mutex_unlock(&r->lock);
}

void
runner_cancel(struct runner *r)
{
	atomic_store(&r->is_cancelled, true);
	results_open(r->results, false);
	if (atomic_load(&r->is_running))
		lib_abort(r->lib);
}
