/* When a child is stuck: a page and a clock, without a process. */
#include "keeper/pulse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HANG 5000u
#define FIRST 60000u

static const struct pulse_limits limits = { HANG, FIRST };

/* A child that does this from now on, seen by a keeper that looks in time. */
struct world {
	struct pulse pulse;
	struct progress page;
	uint64_t now;
	uint64_t waited;   /* for a processor */
	uint64_t starving; /* of 100 ms it waits so many */
};

static void
begin(struct world *w, enum progress_phase phase, uint32_t p99_us,
    double expect_us)
{
	*w = (struct world){ .now = 1000 };
	pulse_init(&w->pulse, &limits);
	w->page.p99_step_us = p99_us;
	progress_begin(&w->page, phase, expect_us);
	assert_false(pulse_look(&w->pulse, &w->page, w->now, w->waited));
}

/* Looks for ms; true as soon as it is taken for stuck. */
static bool
is_stuck_within(struct world *w, uint64_t ms)
{
	uint64_t step = pulse_interval(&w->pulse.limits);

	for (uint64_t end = w->now + ms; w->now < end;) {
		uint64_t by = step < end - w->now ? step : end - w->now;

		w->now += by;
		w->waited += by * w->starving / 100;
		if (pulse_look(&w->pulse, &w->page, w->now, w->waited))
			return true;
	}
	return false;
}

static void
test_the_least_deadline(void **state)
{
	struct world w;

	(void)state;
	begin(&w, PHASE_DECODE, 10, 0);
	assert_false(is_stuck_within(&w, HANG - 1));
	assert_true(is_stuck_within(&w, 1));
	assert_int_equal(w.pulse.still_ms, HANG);
}

static void
test_twenty_times_as_long_as_usual(void **state)
{
	struct world w;

	(void)state;
	begin(&w, PHASE_DECODE, 1000000, 0);
	assert_false(is_stuck_within(&w, 19000));
	assert_false(is_stuck_within(&w, 999));
	assert_true(is_stuck_within(&w, 1));
}

static void
test_long_work_that_was_announced(void **state)
{
	struct world w;

	(void)state;
	begin(&w, PHASE_PREFILL, 1000, 30e6);
	assert_false(is_stuck_within(&w, 599999));
	assert_true(is_stuck_within(&w, 1));
	/* But nobody has for ever. */
	begin(&w, PHASE_PREFILL, 1000, 1e30);
	assert_int_equal(pulse_deadline(&limits, &w.page), 3600 * 1000);
}

static void
test_the_first_step_of_all(void **state)
{
	struct world w;

	(void)state;
	begin(&w, PHASE_PREFILL, 0, 0);
	assert_false(is_stuck_within(&w, FIRST - 1));
	assert_true(is_stuck_within(&w, 1));
	/* What is not a step has no pace to be known. */
	begin(&w, PHASE_SUBMIT, 0, 0);
	assert_true(is_stuck_within(&w, HANG));
}

static void
test_whoever_moves_is_not_stuck(void **state)
{
	struct world w;

	(void)state;
	begin(&w, PHASE_DECODE, 10, 0);
	for (int i = 0; i < 100; i++) {
		assert_false(is_stuck_within(&w, HANG - 1));
		switch (i % 3) {
		case 0:
			progress_bump(&w.page);
			break;
		case 1:
			w.page.turns++;
			break;
		default:
			progress_begin(&w.page,
			    i % 2 == 0 ? PHASE_PREFILL : PHASE_DECODE, 0);
		}
		assert_false(is_stuck_within(&w, 1));
	}
	assert_true(is_stuck_within(&w, HANG));
}

static void
test_an_idle_one_owes_nothing(void **state)
{
	struct world w;

	(void)state;
	begin(&w, PHASE_IDLE, 10, 0);
	assert_true(pulse_is_idle(&w.pulse));
	assert_false(is_stuck_within(&w, 100 * HANG));
}

static void
test_unless_somebody_waits(void **state)
{
	struct world w;
	uint64_t waited = 0;

	(void)state;
	begin(&w, PHASE_IDLE, 10, 0);
	assert_false(is_stuck_within(&w, 7 * HANG));
	/* One word is not enough: it may have crossed the answer. */
	pulse_await(&w.pulse, w.now);
	assert_false(is_stuck_within(&w, 10 * HANG));
	for (; waited <= 2 * HANG; waited += HANG / 4) {
		pulse_await(&w.pulse, w.now);
		if (is_stuck_within(&w, HANG / 4))
			break;
	}
	assert_in_range(waited, HANG / 2, HANG);
	/* And it has moved: who waited has been answered. */
	progress_bump(&w.page);
	pulse_await(&w.pulse, w.now);
	assert_false(is_stuck_within(&w, 10 * HANG));
}

/* A keeper that was stopped, a machine that slept: nobody's fault. */
static void
test_only_time_awake_counts(void **state)
{
	struct world w;

	(void)state;
	begin(&w, PHASE_DECODE, 10, 0);
	assert_false(is_stuck_within(&w, 2000));
	w.now += 3600 * 1000;
	assert_false(pulse_look(&w.pulse, &w.page, w.now, w.waited));
	assert_false(is_stuck_within(&w, 900));
	assert_true(is_stuck_within(&w, 2000));
}

/* On a busy machine a deadline is as much longer. */
static void
test_waiting_for_a_processor_does_not_count(void **state)
{
	struct world w;

	(void)state;
	begin(&w, PHASE_DECODE, 10, 0);
	w.starving = 100;
	assert_false(is_stuck_within(&w, 1000 * HANG));
	w.starving = 90;
	assert_false(is_stuck_within(&w, 10 * HANG - 1000));
	w.starving = 0;
	assert_true(is_stuck_within(&w, 1000));
}

static void
test_it_can_be_turned_off(void **state)
{
	static const struct pulse_limits off = { 0, FIRST };
	struct world w;

	(void)state;
	begin(&w, PHASE_DECODE, 10, 0);
	w.pulse.limits = off;
	assert_int_equal(pulse_interval(&off), 0);
	for (int i = 0; i < 100; i++)
		assert_false(pulse_look(&w.pulse, &w.page, w.now += 1000, 0));
}

static void
test_looks_are_not_too_many(void **state)
{
	(void)state;
	for (uint32_t ms = 1; ms < 1000000; ms = ms * 3 + 1) {
		struct pulse_limits l = { ms, ms };

		assert_in_range(pulse_interval(&l), 20, 1000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_least_deadline),
		cmocka_unit_test(test_twenty_times_as_long_as_usual),
		cmocka_unit_test(test_long_work_that_was_announced),
		cmocka_unit_test(test_the_first_step_of_all),
		cmocka_unit_test(test_whoever_moves_is_not_stuck),
		cmocka_unit_test(test_an_idle_one_owes_nothing),
		cmocka_unit_test(test_unless_somebody_waits),
		cmocka_unit_test(test_only_time_awake_counts),
		cmocka_unit_test(test_waiting_for_a_processor_does_not_count),
		cmocka_unit_test(test_it_can_be_turned_off),
		cmocka_unit_test(test_looks_are_not_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
