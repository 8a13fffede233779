/*
 * Theory: the engine knows one thread, so each handle has one that loads,
 * computes, calls back and frees. Others leave it jobs or a run, under the
 * lock, and wait on a semaphore of their own: a wait that a signal handler may
 * interrupt without anything being held.
 *
 * The stack is large because chat templates are read by recursion.
 */
#include "handle.h"

#include "guest.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STACK_BYTES (64u << 20)
#define CHUNK 64u      /* tokens of a prompt in one batch */
#define EXIT_SECONDS 5 /* that a process waits for at its exit */

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list all = { &all, &all };
static pthread_once_t first_load = PTHREAD_ONCE_INIT;
static pthread_once_t first_turn = PTHREAD_ONCE_INIT;

/* What init waits for; the thread's first job. */
struct start {
	struct job job;
	struct files files;
	struct handle *h;
};

static void
lock_of(pthread_mutex_t *m, sigset_t *ret_was)
{
	sigset_t full;

	(void)sigfillset(&full);
	(void)pthread_sigmask(SIG_SETMASK, &full, ret_was);
	(void)pthread_mutex_lock(m);
}

static void
unlock_of(pthread_mutex_t *m, const sigset_t *was)
{
	(void)pthread_mutex_unlock(m);
	(void)pthread_sigmask(SIG_SETMASK, was, NULL);
}

void
handle_lock(struct handle *h, sigset_t *ret_was)
{
	lock_of(&h->lock, ret_was);
}

void
handle_unlock(struct handle *h, const sigset_t *was)
{
	unlock_of(&h->lock, was);
}

bool
handle_is_own(const struct handle *h)
{
	return pthread_equal(h->thread, pthread_self()) != 0;
}

static void
handle_free(struct handle *h)
{
	free((char *)h->param.model_path);
	free(h->marks.start);
	free(h->marks.end);
	free(h->marks.content);
	buf_done(&h->record);
	free(h->save);
	run_done(&h->run);
	style_done(&h->style);
	talk_done(&h->talk);
	loras_done(&h->loras);
	(void)pthread_cond_destroy(&h->wake);
	(void)pthread_cond_destroy(&h->settled);
	(void)pthread_mutex_destroy(&h->lock);
	free(h);
}

struct handle *
handle_get(void *handle, struct fail *why)
{
	struct handle *found = NULL;
	struct list *it, *next;
	sigset_t was;

	lock_of(&all_lock, &was);
	LIST_EACH (it, next, &all)
		if (LIST_ENTRY(it, struct handle, link) == handle)
			found = handle;
	if (found != NULL && found->pid == getpid())
		found->refs++;
	unlock_of(&all_lock, &was);
	if (found != NULL && found->pid != getpid()) {
		(void)fail_set(why, ERR_NOT_LOADED, "handle",
		    "handle: is of process %d, which this was forked from: it "
		    "has no thread here",
		    (int)found->pid);
		return NULL;
	}
	if (found == NULL)
		(void)fail_set(why, ERR_NOT_LOADED, "handle",
		    handle == NULL
			? "handle: is NULL: no model is loaded"
			: "handle: none of rkllm_init's, or destroyed");
	return found;
}

void
handle_put(struct handle *h)
{
	bool is_last;
	sigset_t was;

	lock_of(&all_lock, &was);
	is_last = --h->refs == 0;
	unlock_of(&all_lock, &was);
	if (is_last)
		handle_free(h);
}

/* No call finds it any more; false: another destroy was first. */
static bool
forget(struct handle *h)
{
	bool was_there;
	sigset_t was;

	lock_of(&all_lock, &was);
	was_there = !list_empty(&h->link);
	list_remove(&h->link);
	if (was_there)
		h->refs--;
	unlock_of(&all_lock, &was);
	return was_there;
}

static void
order_end(struct handle *h, bool is_silent)
{
	sigset_t was;

	handle_lock(h, &was);
	h->is_over = true;
	h->is_aborted = true;
	h->is_silent |= is_silent;
	(void)pthread_cond_broadcast(&h->wake);
	(void)pthread_cond_broadcast(&h->settled);
	if (h->engine != NULL)
		engine_llama.interrupt(h->engine);
	handle_unlock(h, &was);
}

static bool
is_to_end(const struct handle *h)
{
	return !handle_is_own(h) && h->pid == getpid();
}

/* One that nobody has destroyed, out of the list; NULL: there is none. */
static struct handle *
take_any(void)
{
	struct handle *found = NULL;
	struct list *it, *next;
	sigset_t was;

	lock_of(&all_lock, &was);
	LIST_EACH (it, next, &all)
		if (is_to_end(LIST_ENTRY(it, struct handle, link)))
			found = LIST_ENTRY(it, struct handle, link);
	if (found != NULL)
		list_remove(&found->link);
	unlock_of(&all_lock, &was);
	return found;
}

/* A program exits with a model loaded: the engine's libraries are about to end,
 * and must find nobody at work in them. */
static void
at_exit(void)
{
	struct timespec until;
	struct handle *h;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += EXIT_SECONDS;
	while ((h = take_any()) != NULL) {
		order_end(h, true);
		(void)pthread_timedjoin_np(h->thread, NULL, &until);
	}
}

static void
register_exit(void)
{
	(void)atexit(at_exit);
}

/* What the engine makes for the life of the process ends in the other order, so
 * this is to be said again when it has made some: after it has loaded a model,
 * after it has computed. */
static void
see_to_exit(pthread_once_t *when)
{
	(void)pthread_once(when, register_exit);
}

static int
load(struct handle *h, void *arg, struct fail *why)
{
	struct start *s = arg;
	const struct worker_load cfg = {
		.name = str_of(h->param.model_path),
		.path = str_of(h->param.model_path),
		.n_ctx = (uint32_t)h->param.max_context_len,
		.n_seq = 1,
		.chunk = CHUNK,
		.n_gpu_layers = UINT32_MAX,
		.use_mmap = 1,
		.resume_mode = RESUME_FAST,
		.tested = STR(""),
		.template_override = STR(""),
	};
	struct engine_events events = run_events(h);
	struct worker_ready ready;
	int err;

	guest_alone(true);
	err =
	    engine_llama.load(&h->engine, &cfg, &s->files, &events, NULL, why);
	guest_alone(false);
	if (err != 0)
		return err;
	see_to_exit(&first_load);
	engine_llama.describe(h->engine, &ready);
	h->n_ctx = ready.n_ctx;
	h->n_embd = ready.n_embd_in;
	return 0;
}

/* From then on nobody interrupts it. */
static void
unload(struct handle *h)
{
	struct engine *e = h->engine;

	(void)pthread_mutex_lock(&h->lock);
	h->engine = NULL;
	(void)pthread_mutex_unlock(&h->lock);
	guest_alone(true);
	engine_llama.free(e);
	guest_alone(false);
}

static void
do_job(struct handle *h, struct job *j)
{
	j->err = j->fn(h, j->arg, j->why);
	(void)sem_post(&j->is_done);
}

static bool
has_duty(const struct handle *h)
{
	return h->jobs != NULL || h->is_over || h->phase == PHASE_OF_RUN;
}

/* What came first, or a turn of the run; false: it is over. */
static bool
serve(struct handle *h)
{
	struct job *j;
	bool is_over;

	(void)pthread_mutex_lock(&h->lock);
	while (!has_duty(h))
		(void)pthread_cond_wait(&h->wake, &h->lock);
	j = h->jobs;
	if (j != NULL)
		h->jobs = j->next;
	is_over = h->is_over;
	(void)pthread_mutex_unlock(&h->lock);
	if (j != NULL) {
		do_job(h, j);
	} else if (!is_over) {
		run_turn(h);
		see_to_exit(&first_turn);
	}
	return j != NULL || !is_over;
}

/* Its signals are the program's other threads'. */
static void *
thread_main(void *arg)
{
	struct start *s = arg;
	struct handle *h = s->h;
	int err = s->job.err = load(h, s, s->job.why);

	(void)sem_post(&s->job.is_done);
	if (err != 0)
		return NULL;
	while (serve(h))
		;
	run_end(h);
	unload(h);
	return NULL;
}

static int
start_thread(struct handle *h, struct start *s, struct fail *why)
{
	pthread_attr_t attr;
	sigset_t full, was;
	int err = pthread_attr_init(&attr);

	if (err == 0)
		err = pthread_attr_setstacksize(&attr, STACK_BYTES);
	(void)sigfillset(&full);
	(void)pthread_sigmask(SIG_SETMASK, &full, &was);
	if (err == 0)
		err = pthread_create(&h->thread, &attr, thread_main, s);
	(void)pthread_sigmask(SIG_SETMASK, &was, NULL);
	(void)pthread_attr_destroy(&attr);
	if (err != 0)
		return fail_set(why, ERR_NOMEM, NULL,
		    "no thread can be started: %s", strerror(err));
	return 0;
}

static void
wait_for(sem_t *s)
{
	while (sem_wait(s) != 0 && errno == EINTR)
		;
}

static int
start_and_load(struct handle *h, struct start *s, struct fail *why)
{
	int err;

	s->h = h;
	s->job.why = why;
	(void)sem_init(&s->job.is_done, 0, 0);
	err = start_thread(h, s, why);
	if (err == 0) {
		wait_for(&s->job.is_done);
		err = s->job.err;
		if (err != 0)
			(void)pthread_join(h->thread, NULL);
	}
	(void)sem_destroy(&s->job.is_done);
	return err;
}

/* NULL is "", to the interface. */
static char *
copy(const char *text)
{
	return strdup(text != NULL ? text : "");
}

static struct handle *
make(const struct handle_setup *s)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->refs = 1;
	h->pid = getpid();
	h->param = *s->param;
	h->param.model_path = copy(s->param->model_path);
	h->marks = (struct marks){ copy(s->image_start), copy(s->image_end),
		copy(s->image_content) };
	h->callback = *s->callback;
	list_init(&h->link);
	(void)pthread_mutex_init(&h->lock, NULL);
	(void)pthread_cond_init(&h->wake, NULL);
	(void)pthread_cond_init(&h->settled, NULL);
	buf_init(&h->record, msg_row(MSG_GEN_SUBMIT)->max);
	h->last_attached = ATTACH_FIRST;
	run_init(&h->run);
	style_init(&h->style);
	talk_init(&h->talk, 1);
	if (h->param.model_path == NULL || h->marks.start == NULL ||
	    h->marks.end == NULL || h->marks.content == NULL) {
		handle_free(h);
		return NULL;
	}
	return h;
}

int
handle_new(void **ret, const struct handle_setup *setup, struct fail *why)
{
	struct start s = { .files.model = -1 };
	struct handle *h;
	sigset_t was;
	int err = guest_open(
	    setup->param->model_path, "model_path", &s.files.model, why);

	if (err != 0)
		return err;
	h = make(setup);
	err = h == NULL ? fail_set(why, ERR_NOMEM, NULL, "out of memory")
			: start_and_load(h, &s, why);
	(void)close(s.files.model);
	if (err != 0) {
		if (h != NULL)
			handle_free(h);
		return err;
	}
	lock_of(&all_lock, &was);
	list_append(&all, &h->link);
	unlock_of(&all_lock, &was);
	*ret = h;
	return 0;
}

int
handle_destroy(struct handle *h, struct fail *why)
{
	if (handle_is_own(h))
		return fail_set(why, ERR_BUSY, NULL,
		    "must not be called from the callback: it ends the "
		    "thread that this runs on");
	if (!forget(h))
		return fail_set(why, ERR_NOT_LOADED, "handle",
		    "handle: another thread destroys it");
	order_end(h, false);
	(void)pthread_join(h->thread, NULL);
	return 0;
}

/* A callback's call is done where it stands: the thread is in no unit then. */
int
handle_call(struct handle *h,
    int (*fn)(struct handle *h, void *arg, struct fail *why), void *arg,
    struct fail *why)
{
	struct job j = { .fn = fn, .arg = arg, .why = why };
	struct job **at = &h->jobs;
	sigset_t was;
	bool is_over;

	if (handle_is_own(h))
		return fn(h, arg, why);
	(void)sem_init(&j.is_done, 0, 0);
	handle_lock(h, &was);
	is_over = h->is_over;
	while (*at != NULL)
		at = &(*at)->next;
	if (!is_over)
		*at = &j;
	(void)pthread_cond_signal(&h->wake);
	handle_unlock(h, &was);
	if (is_over)
		j.err = fail_set(why, ERR_NOT_LOADED, "handle",
		    "handle: another thread destroys it");
	else
		wait_for(&j.is_done);
	(void)sem_destroy(&j.is_done);
	return j.err;
}
