/* Frames to calls and back, with an engine that only takes notes. */
#include "worker/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct engine {
	struct link link;
	struct engine_events events;
	struct chan *front; /* the other end */
	uint64_t submitted, cancelled, parked;
	int n_cancel_all;
};

static void
note_submit(struct engine *e, const struct gen_submit *g)
{
	e->submitted = g->gen;
}

static void
note_cancel(struct engine *e, uint64_t gen)
{
	e->cancelled = gen;
}

static void
note_cancel_all(struct engine *e)
{
	e->n_cancel_all++;
}

static void
note_park(struct engine *e, uint64_t gen, bool is_parked)
{
	e->parked = is_parked ? gen : 0;
}

static const struct engine_ops ops = {
	.name = "notes",
	.submit = note_submit,
	.cancel = note_cancel,
	.cancel_all = note_cancel_all,
	.park = note_park,
};

static void
connect_front(struct engine *e)
{
	int fds[2];

	assert_int_equal(chan_pair(fds), 0);
	chan_free(e->front);
	e->front = chan_new(fds[0], PROC_FRONT, PROC_WORKER, 1 << 20);
	assert_non_null(e->front);
	assert_int_equal(link_open(&e->link, fds[1]), 0);
}

static int
setup(void **state)
{
	struct engine *e = calloc(1, sizeof(*e));

	link_init(&e->link, &ops);
	e->link.engine = e;
	e->events = link_events(&e->link);
	connect_front(e);
	e->n_cancel_all = 0;
	*state = e;
	return 0;
}

static int
teardown(void **state)
{
	struct engine *e = *state;

	link_done(&e->link);
	chan_free(e->front);
	free(e);
	return 0;
}

static void
test_calls(void **state)
{
	struct engine *e = *state;
	struct gen_submit submit = { .gen = 5, .prompt = STR("hi") };
	struct gen_cancel cancel = { 6 };
	struct gen_park park = { 7 };
	struct gen_unpark unpark = { 7 };

	assert_int_equal(chan_send(e->front, MSG_GEN_SUBMIT, &submit, -1), 0);
	assert_int_equal(chan_send(e->front, MSG_GEN_CANCEL, &cancel, -1), 0);
	assert_int_equal(chan_send(e->front, MSG_GEN_PARK, &park, -1), 0);
	link_take(&e->link);
	assert_true(e->submitted == 5 && e->cancelled == 6 && e->parked == 7);
	assert_int_equal(chan_send(e->front, MSG_GEN_UNPARK, &unpark, -1), 0);
	link_take(&e->link);
	assert_true(e->parked == 0);
}

static void
step(struct engine *e, uint64_t gen, struct str text)
{
	struct step s = { .gen = gen, .token = 9, .text = text };

	e->events.on_step(e->events.arg, &s);
}

static void
expect_msg(struct engine *e, enum msg m, struct frame *ret)
{
	assert_int_equal(chan_recv(e->front, ret), 0);
	assert_int_equal(ret->msg, m);
}

/* One frame for a step's tokens, and the last word after the last token. */
static void
test_order(void **state)
{
	struct engine *e = *state;
	struct gen_done done = { .gen = 1 };
	struct cursor c;
	struct frame f;
	struct step s;

	step(e, 1, STR("a"));
	step(e, 2, STR("b"));
	assert_int_equal(chan_recv(e->front, &f), ERR_AGAIN);
	e->events.on_done(e->events.arg, &done);
	step(e, 2, STR("c"));
	link_flush(&e->link);
	expect_msg(e, MSG_GEN_STEP, &f);
	c = cursor_of(f.payload, f.n);
	assert_true(step_next(&c, &s) && s.gen == 1 && str_is(s.text, "a"));
	assert_true(step_next(&c, &s) && s.gen == 2);
	assert_false(step_next(&c, &s));
	expect_msg(e, MSG_GEN_DONE, &f);
	expect_msg(e, MSG_GEN_STEP, &f);
	link_flush(&e->link);
	assert_int_equal(chan_recv(e->front, &f), ERR_AGAIN);
}

/* A text that was cut in the middle of a character ends before it. */
static void
test_failed_text(void **state)
{
	struct engine *e = *state;
	struct gen_failed failed = { 1, ERR_INVALID, STR("x"),
		STR("ab\xe2\x82") };
	struct gen_failed got;
	struct frame f;

	e->events.on_failed(e->events.arg, &failed);
	expect_msg(e, MSG_GEN_FAILED, &f);
	assert_int_equal(frame_unpack(&f, &got), 0);
	assert_true(str_is(got.text, "ab"));
}

/* A front that does not read: full, and nothing more is taken; then it reads
 * and all goes on. */
static void
test_full(void **state)
{
	struct engine *e = *state;
	static char text[60000];
	struct gen_cancel cancel = { 3 };
	struct frame f;
	int n = 0;

	memset(text, 'x', sizeof(text));
	while (!link_is_full(&e->link)) {
		step(e, 1, (struct str){ text, sizeof(text) });
		link_flush(&e->link);
		assert_true(++n < 1000);
	}
	assert_int_equal(chan_send(e->front, MSG_GEN_CANCEL, &cancel, -1), 0);
	link_take(&e->link);
	assert_true(e->cancelled == 0);
	while (n > 0) {
		link_flush(&e->link);
		while (chan_recv(e->front, &f) == 0)
			n--;
	}
	assert_false(link_is_full(&e->link));
	link_take(&e->link);
	assert_true(e->cancelled == 3);
}

/* The front dies: everything is forgotten, and the next one finds nothing
 * of what was meant for it. */
static void
test_new_front(void **state)
{
	struct engine *e = *state;
	struct frame f;

	chan_free(e->front);
	e->front = NULL;
	link_take(&e->link);
	assert_int_equal(e->n_cancel_all, 1);
	assert_null(e->link.chan);
	step(e, 1, STR("nobody reads this"));
	link_flush(&e->link);
	connect_front(e);
	link_flush(&e->link);
	assert_int_equal(chan_recv(e->front, &f), ERR_AGAIN);
}

/* A full channel whose reader has died does not keep the worker waiting. */
static void
test_full_then_gone(void **state)
{
	struct engine *e = *state;
	static char text[60000];

	while (!link_is_full(&e->link)) {
		step(e, 1, (struct str){ text, sizeof(text) });
		link_flush(&e->link);
	}
	chan_free(e->front);
	e->front = NULL;
	link_flush(&e->link);
	assert_false(link_is_full(&e->link));
	assert_int_equal(e->n_cancel_all, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_failed_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_new_front, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_full_then_gone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
