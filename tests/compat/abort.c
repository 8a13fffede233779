/* What ends a run before its end: abort from another thread and from the
 * callback, destroy, also in a signal handler as Rockchip's programs do. */
#include "user.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct talk talk;
static LLMHandle handle;

static void *
abort_soon(void *arg)
{
	talk_wait(&talk, 3);
	CHECK(rkllm_is_running(handle) == 1);
	CHECK(rkllm_abort(handle) == 0);
	talk_let_go(&talk);
	return arg;
}

static void
from_a_thread(void)
{
	pthread_t t;

	talk_init(&talk);
	talk.hold_at = 3;
	CHECK(pthread_create(&t, NULL, abort_soon, NULL) == 0);
	CHECK(user_run(handle, "Hello", &talk) == 0);
	CHECK(talk.n_last == 1 && talk.last == RKLLM_RUN_FINISH);
	CHECK(talk.n_texts == 3 && talk.perf.generate_tokens == 3);
	(void)pthread_join(t, NULL);
	CHECK(rkllm_is_running(handle) == 0);
	CHECK(rkllm_abort(handle) != 0);
}

static void
from_the_callback(void)
{
	talk_init(&talk);
	talk.abort_in = handle;
	CHECK(user_run(handle, "Hello", &talk) == 0);
	CHECK(talk.n_last == 1 && talk.last == RKLLM_RUN_FINISH);
	CHECK(talk.n_texts == 1);
}

/* A run that is told to end is not in the way of the next. */
static void
then_the_next(void)
{
	static struct talk next;
	RKLLMInput in = user_prompt("Hello");
	RKLLMInferParam how = user_infer();

	for (int i = 0; i < 20; i++) {
		talk_init(&talk);
		talk_init(&next);
		talk.hold_at = 1;
		next.abort_in = handle;
		CHECK(rkllm_run_async(handle, &in, &how, &talk) == 0);
		CHECK(rkllm_run_async(handle, &in, &how, &next) != 0);
		talk_wait(&talk, 1);
		CHECK(rkllm_abort(handle) == 0);
		talk_let_go(&talk);
		CHECK(rkllm_run(handle, &in, &how, &next) == 0);
		CHECK(talk.n_last == 1 && talk.n_texts == 1);
		CHECK(next.n_last == 1 && next.n_texts == 1);
	}
}

static void *
destroy_soon(void *arg)
{
	talk_wait(&talk, 2);
	CHECK(rkllm_destroy(handle) == 0);
	CHECK(talk.n_last == 1);
	return arg;
}

static void
by_destroy(void)
{
	pthread_t t;

	talk_init(&talk);
	CHECK(pthread_create(&t, NULL, destroy_soon, NULL) == 0);
	CHECK(user_run(handle, "Hello", &talk) == 0);
	CHECK(talk.n_last == 1 && talk.last == RKLLM_RUN_FINISH);
	(void)pthread_join(t, NULL);
	CHECK(user_run(handle, "Hello", &talk) != 0);
	CHECK(rkllm_is_running(handle) == 0);
	CHECK(rkllm_destroy(handle) != 0);
}

static int
refused_in_callback(RKLLMResult *result, void *userdata, LLMCallState state)
{
	int *n_refused = userdata;

	(void)result;
	if (state == RKLLM_RUN_NORMAL && rkllm_destroy(handle) != 0 &&
	    user_run(handle, "Hello", &talk) != 0)
		++*n_refused;
	return 0;
}

static void
not_by_destroy_in_callback(void)
{
	RKLLMParam p = user_param();
	RKLLMInput in = user_prompt("Hello");
	RKLLMInferParam how = user_infer();
	int n_refused = 0;
#ifdef RKLLM_1_2
	CHECK(rkllm_init(&handle, &p, refused_in_callback) == 0);
#else
	RKLLMCallback c;

	(void)memset(&c, 0, sizeof(c));
	c.result_callback = refused_in_callback;
	CHECK(rkllm_init(&handle, &p, &c) == 0);
#endif
	CHECK(rkllm_run(handle, &in, &how, &n_refused) == 0);
	CHECK(n_refused > 0);
	CHECK(rkllm_destroy(handle) == 0);
}

static void
on_signal(int signo)
{
	(void)signo;
	(void)rkllm_destroy(handle);
	exit(7);
}

static int
raises(RKLLMResult *result, void *userdata, LLMCallState state)
{
	(void)result;
	(void)state;
	if (++*(int *)userdata == 3)
		(void)kill(getpid(), SIGINT);
	return 0;
}

/* The handler runs on the thread that waits in rkllm_run. */
__attribute__((unused)) static void
in_a_signal_handler(void)
{
	RKLLMParam p = user_param();
	RKLLMInput in = user_prompt("Hello");
	RKLLMInferParam how = user_infer();
	int n = 0;
#ifdef RKLLM_1_2
	CHECK(rkllm_init(&handle, &p, raises) == 0);
#else
	RKLLMCallback c;

	(void)memset(&c, 0, sizeof(c));
	c.result_callback = raises;
	CHECK(rkllm_init(&handle, &p, &c) == 0);
#endif
	(void)signal(SIGINT, on_signal);
	(void)rkllm_run(handle, &in, &how, &n);
	_exit(1);
}

/* Nobody has destroyed anything: the process just ends. */
static void
by_exit(void)
{
	RKLLMInput in = user_prompt("Hello");
	RKLLMInferParam how = user_infer();

	handle = user_open_endless();
	talk_init(&talk);
	CHECK(rkllm_run_async(handle, &in, &how, &talk) == 0);
	talk_wait(&talk, 2);
	exit(7);
}

/* A child has no thread of its parent's: it can do nothing with its model, and
 * ends at once. */
__attribute__((unused)) static void
not_in_a_child(void)
{
	CHECK(user_run(handle, "Hello", &talk) != 0);
	CHECK(rkllm_abort(handle) != 0);
	CHECK(rkllm_destroy(handle) != 0);
	exit(7);
}

static void
in_a_process(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		fn();
		_exit(1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

int
main(void)
{
	/* First: a fork has no threads of its parent's. What is done in the
	 * handler may not be done in one, as that sanitizer says; but programs
	 * do. */
#ifndef __SANITIZE_THREAD__
	in_a_process(in_a_signal_handler);
#endif
	in_a_process(by_exit);
	handle = user_open();
#ifndef __SANITIZE_THREAD__
	in_a_process(not_in_a_child);
#endif
	from_a_thread();
	from_the_callback();
	then_the_next();
	CHECK(rkllm_destroy(handle) == 0);
	handle = user_open_endless();
	by_destroy();
	not_by_destroy_in_callback();
	return 0;
}
