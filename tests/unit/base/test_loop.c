/* Descriptors, timers and signals; and freeing them from inside. */
#include "base/loop.h"

#include "base/clock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
	struct loop *loop;
	struct watch *watch, *other;
	struct timer *timer;
	int pair[2];
	unsigned seen; /* WATCH_* bits */
	unsigned calls;
};

/* Stops a test that would wait for ever. */
static void
on_deadline(void *arg)
{
	(void)arg;
	fail_msg("nothing came");
}

static int
run(struct world *w)
{
	struct timer *deadline = timer_new(w->loop, on_deadline, NULL);
	int err;

	assert_non_null(deadline);
	timer_set(deadline, 20000);
	err = loop_run(w->loop);
	timer_free(deadline);
	return err;
}

static int
setup(void **state)
{
	static struct world world;

	world = (struct world){ .loop = loop_new() };
	*state = &world;
	return world.loop == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, world.pair);
}

static int
teardown(void **state)
{
	struct world *w = *state;

	watch_free(w->watch);
	watch_free(w->other);
	timer_free(w->timer);
	loop_free(w->loop);
	(void)close(w->pair[0]);
	return w->pair[1] < 0 ? 0 : close(w->pair[1]);
}

static void
on_ready(void *arg, unsigned events)
{
	struct world *w = arg;

	w->seen |= events;
	w->calls++;
	loop_stop(w->loop);
}

static void
test_watch(void **state)
{
	struct world *w = *state;

	w->watch = watch_new(w->loop, w->pair[0], on_ready, w);
	assert_non_null(w->watch);
	assert_int_equal(watch_want(w->watch, WATCH_WRITE), 0);
	assert_int_equal(run(w), 0);
	assert_int_equal(w->seen, WATCH_WRITE);
	w->seen = 0;
	assert_int_equal(watch_want(w->watch, WATCH_READ), 0);
	assert_int_equal(watch_want(w->watch, WATCH_READ), 0);
	assert_int_equal(write(w->pair[1], "x", 1), 1);
	assert_int_equal(run(w), 0);
	assert_int_equal(w->seen, WATCH_READ);
	assert_int_equal(watch_want(w->watch, 0), 0);
	w->seen = 0;
	assert_int_equal(watch_want(w->watch, WATCH_READ | WATCH_WRITE), 0);
	assert_int_equal(run(w), 0);
	assert_int_equal(w->seen, WATCH_READ | WATCH_WRITE);
}

static void
test_hang_up_is_readable(void **state)
{
	struct world *w = *state;

	w->watch = watch_new(w->loop, w->pair[0], on_ready, w);
	assert_non_null(w->watch);
	assert_int_equal(watch_want(w->watch, WATCH_READ), 0);
	(void)close(w->pair[1]);
	w->pair[1] = -1;
	assert_int_equal(run(w), 0);
	assert_int_equal(w->seen, WATCH_READ);
}

static void
test_bad_descriptor(void **state)
{
	struct world *w = *state;
	int fd = fcntl(w->pair[0], F_DUPFD, 500);

	(void)close(fd);
	w->watch = watch_new(w->loop, fd, on_ready, w);
	assert_non_null(w->watch);
	assert_int_equal(watch_want(w->watch, WATCH_READ), ERR_IO);
	assert_int_equal(watch_want(w->watch, 0), 0);
}

/* Frees its own watch, the other one, which is ready too, and the timer. */
static void
on_ready_free_all(void *arg, unsigned events)
{
	struct world *w = arg;

	(void)events;
	w->calls++;
	watch_free(w->watch);
	watch_free(w->other);
	timer_free(w->timer);
	w->watch = NULL;
	w->other = NULL;
	w->timer = NULL;
}

static void
on_stop(void *arg)
{
	struct world *w = arg;

	loop_stop(w->loop);
}

static void
on_timer_count(void *arg)
{
	struct world *w = arg;

	w->calls += 100;
}

static void
test_free_from_inside(void **state)
{
	struct world *w = *state;
	struct timer *stop = timer_new(w->loop, on_stop, w);

	w->watch = watch_new(w->loop, w->pair[0], on_ready_free_all, w);
	w->other = watch_new(w->loop, w->pair[1], on_ready_free_all, w);
	w->timer = timer_new(w->loop, on_timer_count, w);
	assert_int_equal(watch_want(w->watch, WATCH_WRITE), 0);
	assert_int_equal(watch_want(w->other, WATCH_WRITE), 0);
	timer_set(w->timer, 30);
	timer_set(stop, 100);
	assert_int_equal(run(w), 0);
	assert_int_equal(w->calls, 1);
	timer_free(stop);
}

static void
on_timer_stop(void *arg)
{
	struct world *w = arg;

	w->calls++;
	loop_stop(w->loop);
}

/* Fires once and not before its time; moves when it is set again. */
static void
test_timer(void **state)
{
	struct world *w = *state;
	uint64_t start = clock_ms();

	w->timer = timer_new(w->loop, on_timer_stop, w);
	timer_set(w->timer, 10);
	timer_set(w->timer, 60);
	assert_int_equal(run(w), 0);
	assert_true(clock_ms() - start >= 59);
	assert_int_equal(w->calls, 1);
	timer_set(w->timer, 0);
	assert_int_equal(run(w), 0);
	assert_int_equal(w->calls, 2);
	timer_set(w->timer, 5);
	timer_clear(w->timer);
	timer_clear(w->timer);
	struct timer *stop = timer_new(w->loop, on_stop, w);
	timer_set(stop, 50);
	assert_int_equal(run(w), 0);
	assert_int_equal(w->calls, 2);
	timer_free(stop);
}

static void
test_signal(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_on_signal(w->loop, SIGUSR1, on_timer_stop, w), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(w->calls, 0);
	assert_int_equal(run(w), 0);
	assert_int_equal(w->calls, 1);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	assert_int_equal(run(w), 0);
	assert_int_equal(w->calls, 2);
}

static void
test_null(void **state)
{
	(void)state;
	watch_free(NULL);
	timer_free(NULL);
	loop_free(NULL);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(test_watch),
		LOOP_TEST(test_hang_up_is_readable),
		LOOP_TEST(test_bad_descriptor),
		LOOP_TEST(test_free_from_inside),
		LOOP_TEST(test_timer),
		LOOP_TEST(test_signal),
		LOOP_TEST(test_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
