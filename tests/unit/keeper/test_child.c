/* The life of a child: every path through its table, without a process. */
#include "keeper/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct child_limits limits = {
	.start_ms = 1000,
	.stop_ms = 500,
	.hurry_ms = 50,
	.abort_ms = 200,
	.kill_ms = 10000,
	.backoff_ms = 100,
	.backoff_max_ms = 1600,
	.steady_ms = 5000,
	.window_ms = 30000,
	.max_deaths = 5,
	.max_unready = 5,
	.retry_ms = 30000,
	.retry_max_ms = 100000,
};

/* One event and all that must come of it. */
static void
step(struct child *c, enum child_event ev, uint64_t now,
    enum child_action action, enum child_state state, uint64_t deadline)
{
	assert_int_equal(child_step(c, ev, now), action);
	assert_int_equal(child_state(c), state);
	assert_int_equal(child_deadline(c), deadline);
}

static int
make(void **state)
{
	*state = child_new(&limits);
	return *state == NULL;
}

static int
unmake(void **state)
{
	child_free(*state);
	child_free(NULL);
	return 0;
}

/* Spawned and ready at `now`. */
static void
bring_up(struct child *c, uint64_t now)
{
	step(
	    c, CHILD_EV_START, now, CHILD_DO_SPAWN, CHILD_STARTING, now + 1000);
	step(c, CHILD_EV_READY, now, CHILD_DO_NOTHING, CHILD_UP, now + 5000);
}

static void
test_starts_and_stops(void **state)
{
	struct child *c = *state;

	assert_int_equal(child_state(c), CHILD_DOWN);
	assert_int_equal(child_deadline(c), UINT64_MAX);
	bring_up(c, 0);
	step(c, CHILD_EV_STOP, 10, CHILD_DO_TERM, CHILD_STOPPING, 510);
	step(c, CHILD_EV_EXIT, 20, CHILD_DO_NOTHING, CHILD_DOWN, UINT64_MAX);
}

static void
test_is_killed_when_it_does_not_stop(void **state)
{
	struct child *c = *state;

	bring_up(c, 0);
	step(c, CHILD_EV_STOP, 10, CHILD_DO_TERM, CHILD_STOPPING, 510);
	step(c, CHILD_EV_TIMEOUT, 510, CHILD_DO_KILL, CHILD_LEAVING, 10510);
	step(c, CHILD_EV_EXIT, 511, CHILD_DO_NOTHING, CHILD_DOWN, UINT64_MAX);
}

static void
test_hurry_shortens_the_wait(void **state)
{
	struct child *c = *state;

	bring_up(c, 0);
	step(c, CHILD_EV_STOP, 10, CHILD_DO_TERM, CHILD_STOPPING, 510);
	step(c, CHILD_EV_HURRY, 20, CHILD_DO_HURRY, CHILD_STOPPING, 70);
	step(c, CHILD_EV_LOST, 30, CHILD_DO_NOTHING, CHILD_DOWN, UINT64_MAX);
	bring_up(c, 100);
	step(c, CHILD_EV_HURRY, 100, CHILD_DO_HURRY, CHILD_STOPPING, 150);
}

static void
test_is_killed_when_it_does_not_start(void **state)
{
	struct child *c = *state;

	step(c, CHILD_EV_START, 0, CHILD_DO_SPAWN, CHILD_STARTING, 1000);
	step(c, CHILD_EV_ALIVE, 900, CHILD_DO_NOTHING, CHILD_STARTING, 1900);
	step(c, CHILD_EV_TIMEOUT, 1900, CHILD_DO_ABORT, CHILD_HUNG, 2100);
	step(c, CHILD_EV_READY, 1900, CHILD_DO_NOTHING, CHILD_HUNG, 2100);
	step(c, CHILD_EV_EXIT, 1901, CHILD_DO_NOTHING, CHILD_BACKOFF, 1901);
	step(c, CHILD_EV_STOP, 1901, CHILD_DO_NOTHING, CHILD_DOWN, UINT64_MAX);
}

static void
test_a_machine_without_room_is_waited_out(void **state)
{
	struct child *c = *state;
	uint64_t now = 0;

	bring_up(c, 0);
	step(c, CHILD_EV_EXIT, 1, CHILD_DO_NOTHING, CHILD_BACKOFF, 1);
	for (uint32_t i = 0, ms = 100; i < 100; i++) {
		step(c, CHILD_EV_TIMEOUT, now, CHILD_DO_SPAWN, CHILD_STARTING,
		    now + 1000);
		step(c, CHILD_EV_NONE, now, CHILD_DO_NOTHING, CHILD_BACKOFF,
		    now + ms);
		now += ms;
		ms = ms < 1600 ? 2 * ms : 1600;
	}
	/* One that has never been ready is given up, and its start fails. */
	step(c, CHILD_EV_STOP, now, CHILD_DO_NOTHING, CHILD_DOWN, UINT64_MAX);
	step(c, CHILD_EV_START, 0, CHILD_DO_SPAWN, CHILD_STARTING, 1000);
	for (uint32_t i = 0, ms = 100; i < 4; i++, ms *= 2) {
		step(c, CHILD_EV_NONE, 0, CHILD_DO_NOTHING, CHILD_BACKOFF, ms);
		step(c, CHILD_EV_TIMEOUT, 0, CHILD_DO_SPAWN, CHILD_STARTING,
		    1000);
	}
	step(c, CHILD_EV_NONE, 0, CHILD_DO_GIVE_UP, CHILD_FAILED, 30000);
}

static void
test_a_hang_is_aborted_then_killed(void **state)
{
	struct child *c = *state;

	bring_up(c, 0);
	step(c, CHILD_EV_HANG, 10, CHILD_DO_ABORT, CHILD_HUNG, 210);
	step(c, CHILD_EV_HANG, 20, CHILD_DO_NOTHING, CHILD_HUNG, 210);
	step(c, CHILD_EV_TIMEOUT, 210, CHILD_DO_KILL, CHILD_DYING, 10210);
	step(c, CHILD_EV_LOST, 220, CHILD_DO_NOTHING, CHILD_BACKOFF, 220);
	/* What must not run any longer is not asked for its stack. */
	step(c, CHILD_EV_TIMEOUT, 220, CHILD_DO_SPAWN, CHILD_STARTING,
	    220 + 1000);
	step(c, CHILD_EV_KILL, 300, CHILD_DO_KILL, CHILD_DYING, 10300);
	step(c, CHILD_EV_EXIT, 310, CHILD_DO_NOTHING, CHILD_BACKOFF, 410);
}

/* Nothing is started in the place of one that SIGKILL does not end. */
static void
test_what_cannot_be_killed_is_fenced(void **state)
{
	struct child *c = *state;

	bring_up(c, 0);
	step(c, CHILD_EV_KILL, 0, CHILD_DO_KILL, CHILD_DYING, 10000);
	step(c, CHILD_EV_TIMEOUT, 10000, CHILD_DO_FENCE, CHILD_FENCED,
	    UINT64_MAX);
	for (enum child_event ev = 0; ev < CHILD_NEVENTS; ev++)
		if (ev != CHILD_EV_EXIT && ev != CHILD_EV_LOST &&
		    ev != CHILD_EV_FINAL && ev != CHILD_EV_STOP &&
		    ev != CHILD_EV_HURRY)
			step(c, ev, 20000, CHILD_DO_NOTHING, CHILD_FENCED,
			    UINT64_MAX);
	step(c, CHILD_EV_EXIT, 90000, CHILD_DO_NOTHING, CHILD_BACKOFF, 90000);
}

static void
test_nobody_waits_for_a_stray(void **state)
{
	struct child *c = *state;

	bring_up(c, 0);
	step(c, CHILD_EV_STOP, 0, CHILD_DO_TERM, CHILD_STOPPING, 500);
	step(c, CHILD_EV_TIMEOUT, 500, CHILD_DO_KILL, CHILD_LEAVING, 10500);
	step(c, CHILD_EV_TIMEOUT, 10500, CHILD_DO_FENCE, CHILD_STRAY,
	    UINT64_MAX);
	step(c, CHILD_EV_START, 10600, CHILD_DO_NOTHING, CHILD_STRAY,
	    UINT64_MAX);
	step(c, CHILD_EV_EXIT, 10700, CHILD_DO_NOTHING, CHILD_DOWN, UINT64_MAX);
	bring_up(c, 20000);
	step(c, CHILD_EV_KILL, 20000, CHILD_DO_KILL, CHILD_DYING, 30000);
	step(c, CHILD_EV_TIMEOUT, 30000, CHILD_DO_FENCE, CHILD_FENCED,
	    UINT64_MAX);
	step(
	    c, CHILD_EV_STOP, 30000, CHILD_DO_NOTHING, CHILD_STRAY, UINT64_MAX);
}

/* Who wants it gone while it is being killed gets it killed, not asked. */
static void
test_a_hung_one_is_not_asked_to_leave(void **state)
{
	static const enum child_event ways[] = { CHILD_EV_STOP,
		CHILD_EV_HURRY };
	struct child *c = *state;

	for (size_t i = 0; i < 2; i++) {
		bring_up(c, 0);
		step(c, CHILD_EV_HANG, 10, CHILD_DO_ABORT, CHILD_HUNG, 210);
		step(c, ways[i], 20, CHILD_DO_KILL, CHILD_LEAVING, 10020);
		step(c, CHILD_EV_EXIT, 30, CHILD_DO_NOTHING, CHILD_DOWN,
		    UINT64_MAX);
	}
}

static void
test_the_first_respawn_is_free(void **state)
{
	static const uint64_t waits[] = { 0, 100, 200, 400 };
	struct child *c = *state;
	uint64_t now = 0;

	step(c, CHILD_EV_START, 0, CHILD_DO_SPAWN, CHILD_STARTING, 1000);
	for (size_t i = 0; i < 4; i++) {
		step(c, CHILD_EV_EXIT, now, CHILD_DO_NOTHING, CHILD_BACKOFF,
		    now + waits[i]);
		now += waits[i];
		step(c, CHILD_EV_TIMEOUT, now, CHILD_DO_SPAWN, CHILD_STARTING,
		    now + 1000);
	}
	step(
	    c, CHILD_EV_EXIT, now, CHILD_DO_GIVE_UP, CHILD_FAILED, now + 30000);
}

/* Five deaths in a row, from UP or from STARTING. Returns when. */
static uint64_t
wear_out(struct child *c, uint64_t now)
{
	step(
	    c, CHILD_EV_START, now, CHILD_DO_SPAWN, CHILD_STARTING, now + 1000);
	for (int i = 0; i < 4; i++) {
		step(c, CHILD_EV_READY, now, CHILD_DO_NOTHING, CHILD_UP,
		    now + 5000);
		assert_int_equal(
		    child_step(c, CHILD_EV_EXIT, now), CHILD_DO_NOTHING);
		now = child_deadline(c);
		step(c, CHILD_EV_TIMEOUT, now, CHILD_DO_SPAWN, CHILD_STARTING,
		    now + 1000);
	}
	step(
	    c, CHILD_EV_EXIT, now, CHILD_DO_GIVE_UP, CHILD_FAILED, now + 30000);
	return now;
}

static void
test_a_failed_one_is_tried_once_in_a_while(void **state)
{
	struct child *c = *state;
	uint64_t now = wear_out(c, 0) + 30000;

	step(c, CHILD_EV_TIMEOUT, now, CHILD_DO_SPAWN, CHILD_STARTING,
	    now + 1000);
	step(
	    c, CHILD_EV_EXIT, now, CHILD_DO_GIVE_UP, CHILD_FAILED, now + 60000);
	now += 60000;
	step(c, CHILD_EV_TIMEOUT, now, CHILD_DO_SPAWN, CHILD_STARTING,
	    now + 1000);
	step(c, CHILD_EV_READY, now, CHILD_DO_NOTHING, CHILD_UP, now + 5000);
	step(c, CHILD_EV_EXIT, now, CHILD_DO_GIVE_UP, CHILD_FAILED,
	    now + 100000); /* the longest pause */
	now += 100000;
	step(c, CHILD_EV_TIMEOUT, now, CHILD_DO_SPAWN, CHILD_STARTING,
	    now + 1000);
	step(c, CHILD_EV_READY, now, CHILD_DO_NOTHING, CHILD_UP, now + 5000);
	/* It holds: all is forgiven. */
	step(c, CHILD_EV_TIMEOUT, now + 5000, CHILD_DO_NOTHING, CHILD_UP,
	    UINT64_MAX);
	step(c, CHILD_EV_EXIT, now + 6000, CHILD_DO_NOTHING, CHILD_BACKOFF,
	    now + 6000);
}

static void
test_a_failed_one_can_be_started_or_stopped(void **state)
{
	struct child *c = *state;

	wear_out(c, 0);
	step(c, CHILD_EV_STOP, 9000, CHILD_DO_NOTHING, CHILD_DOWN, UINT64_MAX);
	wear_out(c, 10000);
	step(c, CHILD_EV_START, 20000, CHILD_DO_SPAWN, CHILD_STARTING, 21000);
	step(c, CHILD_EV_EXIT, 20000, CHILD_DO_NOTHING, CHILD_BACKOFF, 20000);
}

/* One that was never ready has fewer tries. */
static void
test_the_unready_are_given_up_sooner(void **state)
{
	struct child_limits l = limits;
	struct child *c;

	(void)state;
	l.max_unready = 2;
	c = child_new(&l);
	step(c, CHILD_EV_START, 0, CHILD_DO_SPAWN, CHILD_STARTING, 1000);
	step(c, CHILD_EV_EXIT, 0, CHILD_DO_NOTHING, CHILD_BACKOFF, 0);
	step(c, CHILD_EV_TIMEOUT, 0, CHILD_DO_SPAWN, CHILD_STARTING, 1000);
	step(c, CHILD_EV_EXIT, 1, CHILD_DO_GIVE_UP, CHILD_FAILED, 30001);
	/* Somebody wants it again: as if it were new. */
	step(c, CHILD_EV_START, 2, CHILD_DO_SPAWN, CHILD_STARTING, 1002);
	step(c, CHILD_EV_READY, 3, CHILD_DO_NOTHING, CHILD_UP, 5003);
	for (uint64_t now = 4; now < 8; now++) {
		assert_int_equal(
		    child_step(c, CHILD_EV_EXIT, now), CHILD_DO_NOTHING);
		assert_int_equal(child_state(c), CHILD_BACKOFF);
		assert_int_equal(
		    child_step(c, CHILD_EV_TIMEOUT, now), CHILD_DO_SPAWN);
	}
	assert_int_equal(child_step(c, CHILD_EV_EXIT, 8), CHILD_DO_GIVE_UP);
	/* Or as one that has been ready before, and was stopped since. */
	step(c, CHILD_EV_START, 9, CHILD_DO_SPAWN, CHILD_STARTING, 1009);
	child_trust(c);
	for (uint64_t now = 10; now < 14; now++) {
		assert_int_equal(
		    child_step(c, CHILD_EV_EXIT, now), CHILD_DO_NOTHING);
		assert_int_equal(
		    child_step(c, CHILD_EV_TIMEOUT, now), CHILD_DO_SPAWN);
	}
	assert_int_equal(child_step(c, CHILD_EV_EXIT, 14), CHILD_DO_GIVE_UP);
	child_free(c);
}

/* It would die of the same again: not tried before the pause. */
static void
test_a_final_death_gives_up_at_once(void **state)
{
	struct child *c = *state;

	bring_up(c, 0);
	step(c, CHILD_EV_FINAL, 10, CHILD_DO_GIVE_UP, CHILD_FAILED, 30010);
	step(c, CHILD_EV_TIMEOUT, 30010, CHILD_DO_SPAWN, CHILD_STARTING, 31010);
	step(c, CHILD_EV_FINAL, 30020, CHILD_DO_GIVE_UP, CHILD_FAILED, 90020);
	step(c, CHILD_EV_STOP, 30030, CHILD_DO_NOTHING, CHILD_DOWN, UINT64_MAX);
	bring_up(c, 40000);
	step(c, CHILD_EV_STOP, 40000, CHILD_DO_TERM, CHILD_STOPPING, 40500);
	step(
	    c, CHILD_EV_FINAL, 40001, CHILD_DO_NOTHING, CHILD_DOWN, UINT64_MAX);
}

static void
test_without_a_retry_it_stays_failed(void **state)
{
	struct child_limits l = limits;
	struct child *c;

	(void)state;
	l.retry_ms = 0;
	l.max_deaths = 1;
	c = child_new(&l);
	step(c, CHILD_EV_START, 0, CHILD_DO_SPAWN, CHILD_STARTING, 1000);
	step(c, CHILD_EV_EXIT, 0, CHILD_DO_GIVE_UP, CHILD_FAILED, UINT64_MAX);
	child_free(c);
}

static void
test_deaths_far_apart_never_add_up(void **state)
{
	struct child *c = *state;
	uint64_t now = 0;

	step(c, CHILD_EV_START, 0, CHILD_DO_SPAWN, CHILD_STARTING, 1000);
	for (int i = 0; i < 20; i++) {
		step(c, CHILD_EV_EXIT, now, CHILD_DO_NOTHING, CHILD_BACKOFF,
		    now);
		step(c, CHILD_EV_TIMEOUT, now, CHILD_DO_SPAWN, CHILD_STARTING,
		    now + 1000);
		now += 30001;
	}
}

/* What kills it comes from outside: it got work done in between. */
static void
test_deaths_after_work_never_add_up(void **state)
{
	struct child *c = *state;

	bring_up(c, 0);
	for (int i = 0; i < 200; i++) {
		step(c, CHILD_EV_LOST, 1, CHILD_DO_NOTHING, CHILD_BACKOFF, 1);
		step(c, CHILD_EV_TIMEOUT, 1, CHILD_DO_SPAWN, CHILD_STARTING,
		    1001);
		step(c, CHILD_EV_READY, 1, CHILD_DO_NOTHING, CHILD_UP, 5001);
	}
	/* The last of them counts as the first of a new series. */
	step(c, CHILD_EV_EXIT, 2, CHILD_DO_NOTHING, CHILD_BACKOFF, 102);
}

static void
test_a_steady_one_is_forgiven(void **state)
{
	struct child *c = *state;

	step(c, CHILD_EV_START, 0, CHILD_DO_SPAWN, CHILD_STARTING, 1000);
	for (int i = 0; i < 9; i++) {
		step(c, CHILD_EV_READY, 0, CHILD_DO_NOTHING, CHILD_UP, 5000);
		step(c, CHILD_EV_TIMEOUT, 5000, CHILD_DO_NOTHING, CHILD_UP,
		    UINT64_MAX);
		step(c, CHILD_EV_EXIT, 6000, CHILD_DO_NOTHING, CHILD_BACKOFF,
		    6000);
		step(c, CHILD_EV_TIMEOUT, 6000, CHILD_DO_SPAWN, CHILD_STARTING,
		    7000);
	}
}

/* A late or repeated event is harmless: which mean nothing where. */
static void
test_the_rest_means_nothing(void **state)
{
	static const struct {
		enum child_event ev;
		enum child_action action;
	} script[] = {
		{ CHILD_EV_START, CHILD_DO_SPAWN },
		{ CHILD_EV_READY, CHILD_DO_NOTHING },
		{ CHILD_EV_STOP, CHILD_DO_TERM },
	};
	static const unsigned ignored[] = {
		/* DOWN, STARTING, UP, STOPPING */
		1u << CHILD_EV_READY | 1u << CHILD_EV_ALIVE |
		    1u << CHILD_EV_HANG | 1u << CHILD_EV_KILL |
		    1u << CHILD_EV_STOP | 1u << CHILD_EV_HURRY |
		    1u << CHILD_EV_EXIT | 1u << CHILD_EV_LOST |
		    1u << CHILD_EV_TIMEOUT,
		1u << CHILD_EV_START,
		1u << CHILD_EV_START | 1u << CHILD_EV_READY |
		    1u << CHILD_EV_ALIVE,
		1u << CHILD_EV_START | 1u << CHILD_EV_READY |
		    1u << CHILD_EV_ALIVE | 1u << CHILD_EV_STOP |
		    1u << CHILD_EV_HANG,
	};
	struct child *c = *state;

	for (size_t i = 0; i < 4; i++) {
		enum child_state was = child_state(c);
		uint64_t deadline = child_deadline(c);

		for (enum child_event ev = 0; ev < CHILD_NEVENTS; ev++)
			if (ignored[i] & 1u << ev)
				step(
				    c, ev, 77, CHILD_DO_NOTHING, was, deadline);
		if (i < 3)
			assert_int_equal(
			    child_step(c, script[i].ev, 10), script[i].action);
	}
}

static void
test_states_have_names(void **state)
{
	(void)state;
	for (enum child_state s = CHILD_DOWN; s < CHILD_NSTATES; s++)
		assert_non_null(child_state_name(s));
	assert_string_equal(child_state_name(CHILD_BACKOFF), "backoff");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_starts_and_stops),
		TEST(test_is_killed_when_it_does_not_stop),
		TEST(test_hurry_shortens_the_wait),
		TEST(test_a_machine_without_room_is_waited_out),
		TEST(test_is_killed_when_it_does_not_start),
		TEST(test_a_hang_is_aborted_then_killed),
		TEST(test_what_cannot_be_killed_is_fenced),
		TEST(test_nobody_waits_for_a_stray),
		TEST(test_a_hung_one_is_not_asked_to_leave),
		TEST(test_the_first_respawn_is_free),
		TEST(test_a_failed_one_is_tried_once_in_a_while),
		TEST(test_a_failed_one_can_be_started_or_stopped),
		TEST(test_the_unready_are_given_up_sooner),
		TEST(test_a_final_death_gives_up_at_once),
		TEST(test_without_a_retry_it_stays_failed),
		TEST(test_deaths_far_apart_never_add_up),
		TEST(test_deaths_after_work_never_add_up),
		TEST(test_a_steady_one_is_forgiven),
		TEST(test_the_rest_means_nothing),
		TEST(test_states_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
