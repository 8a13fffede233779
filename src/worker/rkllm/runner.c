#include "worker/rkllm/runner.h"

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
	res.token = from->token_id;
	if (!is_waiting)
		res.text = copy_of(from->text);
	results_put(r->results, &res);
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

int
runner_on_result(struct rkllm_result *result, void *userdata, int state)
{
	struct runner *r = userdata;

	progress_bump(r->p);
	if (!atomic_load(&r->is_running))
		return RKLLM_GO_ON;
	if (atomic_load(&r->is_reading))
		return on_part(r, result, state);
	switch (state) {
	case RKLLM_STATE_NORMAL:
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

/* What a run before has left, where it counts: with parts before it. */
static int
clean(struct runner *r, const struct job *job, struct fail *why)
{
	struct fail ignored;
	int err;

	if (!r->is_dirty)
		return 0;
	err = lib_clear_kv_cache(
	    r->lib, true, NULL, NULL, job->n_parts > 0 ? why : &ignored);
	r->is_dirty = err != 0;
	return job->n_parts > 0 ? err : 0;
}

static void
do_job(struct runner *r, const struct job *job, struct fail *why)
{
	const struct lib_infer reading = { .mode = RKLLM_MODE_HIDDEN,
		.keep_history = true };
	int err = clean(r, job, why);

	atomic_store(&r->is_reading, true);
	for (uint32_t i = 0; i < job->n_parts && err == 0; i++)
		err = run_one(r, &job->parts[i], &reading, why);
	atomic_store(&r->is_reading, false);
	if (err == 0)
		err = run_one(r, &job->input, &job->infer, why);
	if (err != 0 || job->n_parts > 0 || job->infer.keep_history ||
	    atomic_load(&r->is_cancelled))
		r->is_dirty = true;
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
	*r = (struct runner){ .lib = lib, .results = results, .p = p };
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
	return pthread_timedjoin_np(r->thread, NULL, &until) == 0;
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
