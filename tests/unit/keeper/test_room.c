/* Who has a place, who is first in line, and how many the front is to let go. */
#include "keeper/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define N 4

struct world {
	struct room r;
	struct place p[N];
};

static struct world
world(uint32_t max, uint64_t limit)
{
	struct world w;

	room_init(&w.r, max, limit);
	for (int i = 0; i < N; i++)
		place_init(&w.p[i], HOLD_FREE);
	return w;
}

/* After a copy the line is another's. */
#define MAKE(w, max, limit)                 \
	struct world w = world(max, limit); \
	list_init(&w.r.line);               \
	for (int i = 0; i < N; i++)         \
	list_init(&w.p[i].link)

static void
step(struct world *w, int i, enum place_event ev, enum place_action action,
    enum place_state state)
{
	assert_int_equal(room_step(&w->r, &w->p[i], ev, 0), action);
	assert_int_equal(w->p[i].state, state);
}

/* Wanted, and seated if it is its turn. */
static void
want(struct world *w, int i)
{
	(void)room_step(&w->r, &w->p[i], PLACE_EV_WANT, 10 + (uint64_t)i);
}

static void
seat(struct world *w, int i)
{
	want(w, i);
	assert_ptr_equal(room_first(&w->r), &w->p[i]);
	step(w, i, PLACE_EV_ROOM, PLACE_DO_START, PLACE_IN);
}

static void
a_life(void **state)
{
	MAKE(w, 1, UINT64_MAX);

	(void)state;
	step(&w, 0, PLACE_EV_LET_GO, PLACE_DO_NOTHING, PLACE_OUT);
	step(&w, 0, PLACE_EV_WANT, PLACE_DO_NOTHING, PLACE_LINE);
	step(&w, 0, PLACE_EV_WANT, PLACE_DO_NOTHING, PLACE_LINE);
	step(&w, 0, PLACE_EV_UNWANT, PLACE_DO_NOTHING, PLACE_OUT);
	seat(&w, 0);
	step(&w, 0, PLACE_EV_UNWANT, PLACE_DO_NOTHING, PLACE_IN);
	step(&w, 0, PLACE_EV_LET_GO, PLACE_DO_STOP, PLACE_GOING);
	step(&w, 0, PLACE_EV_WANT, PLACE_DO_NOTHING, PLACE_AGAIN);
	step(&w, 0, PLACE_EV_UNWANT, PLACE_DO_NOTHING, PLACE_GOING);
	step(&w, 0, PLACE_EV_WANT, PLACE_DO_NOTHING, PLACE_AGAIN);
	/* Its own place is not free before its worker is dead. */
	assert_null(room_first(&w.r));
	step(&w, 0, PLACE_EV_DEAD, PLACE_DO_REST, PLACE_LINE);
	assert_ptr_equal(room_first(&w.r), &w.p[0]);
	step(&w, 0, PLACE_EV_NO_ROOM, PLACE_DO_REFUSE, PLACE_OUT);
	assert_int_equal(room_taken(&w.r).n, 0);
}

static void
in_order_of_arrival(void **state)
{
	MAKE(w, 1, UINT64_MAX);

	(void)state;
	assert_int_equal(room_since(&w.r), UINT64_MAX);
	seat(&w, 0);
	want(&w, 2);
	want(&w, 1);
	want(&w, 3);
	assert_int_equal(room_since(&w.r), 12);
	assert_null(room_first(&w.r));
	step(&w, 0, PLACE_EV_DEAD, PLACE_DO_REST, PLACE_OUT);
	step(&w, 2, PLACE_EV_UNWANT, PLACE_DO_NOTHING, PLACE_OUT);
	assert_ptr_equal(room_first(&w.r), &w.p[1]);
	want(&w, 2); /* behind the others */
	step(&w, 1, PLACE_EV_ROOM, PLACE_DO_START, PLACE_IN);
	step(&w, 1, PLACE_EV_DEAD, PLACE_DO_REST, PLACE_OUT);
	assert_ptr_equal(room_first(&w.r), &w.p[3]);
	room_forget(&w.r, &w.p[3]);
	assert_ptr_equal(room_first(&w.r), &w.p[2]);
}

static void
as_many_are_let_go_as_wait(void **state)
{
	MAKE(w, 2, UINT64_MAX);

	(void)state;
	seat(&w, 0);
	seat(&w, 1);
	assert_int_equal(room_total(&w.r), 0);
	want(&w, 2);
	assert_int_equal(room_total(&w.r), 1);
	want(&w, 3);
	assert_int_equal(room_total(&w.r), 2);
	/* One has gone: of the two one is left to go. */
	room_heard(&w.r);
	step(&w, 0, PLACE_EV_LET_GO, PLACE_DO_STOP, PLACE_GOING);
	assert_int_equal(room_total(&w.r), 2);
	/* Another goes by itself: none has to any more. */
	step(&w, 1, PLACE_EV_DEAD, PLACE_DO_REST, PLACE_OUT);
	assert_int_equal(room_total(&w.r), 1);
	room_new_front(&w.r);
	assert_int_equal(room_total(&w.r), 0);
}

static void
by_bytes(void **state)
{
	MAKE(w, 0, 100);

	(void)state;
	for (int i = 0; i < N; i++)
		room_need(&w.r, &w.p[i], 40);
	seat(&w, 0);
	seat(&w, 1);
	want(&w, 2);
	assert_null(room_first(&w.r));
	assert_int_equal(room_verdict(&w.r, &w.p[2]), ROOM_LATER);
	assert_int_equal(room_total(&w.r), 1);
	/* It took less than was thought. */
	room_need(&w.r, &w.p[0], 10);
	assert_int_equal(room_taken(&w.r).bytes, 50);
	assert_ptr_equal(room_first(&w.r), &w.p[2]);
	assert_int_equal(room_total(&w.r), 0);
	room_need(&w.r, &w.p[2], 101);
	assert_int_equal(room_verdict(&w.r, &w.p[2]), ROOM_NEVER);
	/* What is large is not overtaken by what is small. */
	room_need(&w.r, &w.p[2], 60);
	room_need(&w.r, &w.p[3], 1);
	want(&w, 3);
	assert_null(room_first(&w.r));
	w.r.limit = 200;
	assert_ptr_equal(room_first(&w.r), &w.p[2]);
}

static void
beside_what_stays(void **state)
{
	MAKE(w, 2, UINT64_MAX);

	(void)state;
	room_hold(&w.r, &w.p[0], HOLD_STAYS);
	seat(&w, 0);
	room_hold(&w.r, &w.p[1], HOLD_CLIENT);
	seat(&w, 1);
	assert_int_equal(room_verdict(&w.r, &w.p[2]), ROOM_BUSY);
	room_hold(&w.r, &w.p[1], HOLD_FREE);
	assert_int_equal(room_verdict(&w.r, &w.p[2]), ROOM_LATER);
	room_hold(&w.r, &w.p[1], HOLD_STAYS);
	assert_int_equal(room_verdict(&w.r, &w.p[2]), ROOM_NEVER);
	/* Nobody who may go: nobody is asked to. */
	want(&w, 2);
	assert_int_equal(room_total(&w.r), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_life),
		cmocka_unit_test(in_order_of_arrival),
		cmocka_unit_test(as_many_are_let_go_as_wait),
		cmocka_unit_test(by_bytes),
		cmocka_unit_test(beside_what_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
