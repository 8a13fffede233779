/*
 * The fair queue against a simple model of it: counts, order, shares, nobody
 * starves.
 */
#include "front/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define CLIENTS 4u
#define CONNS 3u /* of each client */
#define ITEMS 64u
#define ROUNDS 20000u

struct item {
	struct waiter waiter;
	uint32_t client;
	uint32_t conn;
	uint64_t at; /* when it was added */
};

struct world {
	struct queue q;
	struct party clients[CLIENTS];
	struct party conns[CLIENTS][CONNS];
	struct item items[ITEMS];
	uint64_t clock;
};

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	queue_init(&w->q);
	for (uint32_t c = 0; c < CLIENTS; c++) {
		party_init(&w->clients[c]);
		for (uint32_t k = 0; k < CONNS; k++)
			party_init(&w->conns[c][k]);
	}
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	for (uint32_t i = 0; i < ITEMS; i++)
		queue_leave(&w->q, &w->items[i].waiter);
	assert_int_equal(queue_len(&w->q), 0);
	queue_done(&w->q);
	for (uint32_t c = 0; c < CLIENTS; c++) {
		assert_true(list_empty(&w->clients[c].shares));
		for (uint32_t k = 0; k < CONNS; k++)
			assert_true(list_empty(&w->conns[c][k].shares));
	}
	free(w);
	return 0;
}

static struct item *
add(struct world *w, uint32_t i, uint32_t client, uint32_t conn)
{
	struct item *it = &w->items[i];

	it->client = client;
	it->conn = conn;
	it->at = ++w->clock;
	assert_int_equal(queue_add(&w->q, &it->waiter, &w->clients[client],
			     &w->conns[client][conn]),
	    0);
	return it;
}

static struct item *
next(struct world *w)
{
	struct waiter *n = queue_next(&w->q);

	return n == NULL ? NULL : LIST_ENTRY(n, struct item, waiter);
}

static struct item *
take(struct world *w)
{
	struct item *it = next(w);

	queue_take(&w->q, &it->waiter);
	return it;
}

static void
flood_costs_another_one_request(void **state)
{
	struct world *w = *state;
	struct item *running, *late;

	for (uint32_t i = 0; i < 20; i++)
		(void)add(w, i, 0, i % CONNS);
	running = take(w);
	late = add(w, 20, 1, 0);
	queue_leave(&w->q, &running->waiter);
	assert_ptr_equal(take(w), late);
}

static void
slots_are_shared_when_another_waits(void **state)
{
	struct world *w = *state;
	struct item *in[4];

	for (uint32_t i = 0; i < 20; i++)
		(void)add(w, i, 0, 0);
	for (int i = 0; i < 4; i++) {
		in[i] = take(w); /* alone, it has them all */
		assert_int_equal(in[i]->client, 0);
	}
	for (uint32_t i = 20; i < 30; i++)
		(void)add(w, i, 1, 0);
	for (int i = 0; i < 2; i++) {
		queue_leave(&w->q, &in[i]->waiter);
		assert_int_equal(take(w)->client, 1);
	}
	/* Two and two: now they take turns. */
	queue_leave(&w->q, &in[2]->waiter);
	assert_int_equal(take(w)->client, 0);
}

static void
connections_of_a_client_take_turns(void **state)
{
	struct world *w = *state;
	uint32_t n[CONNS] = { 0 };

	for (uint32_t i = 0; i < 30; i++)
		(void)add(w, i, 0, i < 20 ? 0 : i < 25 ? 1 : 2);
	for (int i = 0; i < 15; i++) {
		struct item *it = take(w);

		n[it->conn]++;
		queue_leave(&w->q, &it->waiter);
	}
	for (uint32_t k = 0; k < CONNS; k++)
		assert_int_equal(n[k], 5);
}

static void
those_of_a_dead_worker_are_first_by_rank(void **state)
{
	struct world *w = *state;
	struct item *in[4];

	for (uint32_t i = 0; i < 8; i++)
		(void)add(w, i, i % CLIENTS, 0);
	for (int i = 0; i < 4; i++)
		in[i] = take(w);
	for (int i = 4; i-- > 0;)
		queue_put_back(&w->q, &in[i]->waiter,
		    i == 2	 ? 9
			: i == 0 ? 1
				 : 4);
	assert_int_equal(w->q.n_back, 4);
	for (int i = 0; i < 4; i++) {
		static const int order[] = { 2, 1, 3, 0 };
		struct waiter *first = queue_any(&w->q);

		assert_ptr_equal(first, &in[order[i]]->waiter);
		queue_take(&w->q, first);
	}
	assert_int_equal(w->q.n_new, 4);
}

static void
full_queue_gives_up_one_of_who_has_most(void **state)
{
	struct world *w = *state;
	struct item *last = NULL;

	for (uint32_t i = 0; i < 5; i++)
		last = add(w, i, 0, 0);
	(void)add(w, 5, 1, 0);
	assert_ptr_equal(queue_victim(&w->q, &w->clients[2]), &last->waiter);
	assert_null(queue_victim(&w->q, &w->clients[0]));
	for (uint32_t i = 6; i < 9; i++)
		(void)add(w, i, 1, 1);
	/* Four and five: one more would be five and four. */
	assert_null(queue_victim(&w->q, &w->clients[1]));
}

static void
connection_may_go_before_what_it_asked_for(void **state)
{
	struct world *w = *state;
	struct item *it = add(w, 0, 0, 0);

	(void)add(w, 1, 0, 0);
	queue_take(&w->q, &it->waiter);
	party_done(&w->conns[0][0]);
	queue_leave(&w->q, &it->waiter);
	assert_int_equal(take(w)->client, 0);
}

/* Running and waiting of one client, counted without the queue. */
static uint32_t
count(const struct world *w, uint32_t client, enum waiter_state s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ITEMS; i++)
		n += w->items[i].client == client &&
		    w->items[i].waiter.state == s;
	return n;
}

static uint32_t
running(const struct world *w, uint32_t c)
{
	return count(w, c, WAITER_IN_SLOT) + count(w, c, WAITER_BACK);
}

/* What is next is of a client with the fewest in slots, and the oldest of its
 * connection. */
static void
check_next(struct world *w)
{
	struct item *it = next(w);
	uint32_t n_new = 0;

	for (uint32_t c = 0; c < CLIENTS; c++)
		n_new += count(w, c, WAITER_NEW);
	assert_int_equal(w->q.n_new, n_new);
	assert_int_equal(it == NULL, n_new == 0);
	for (uint32_t c = 0; it != NULL && c < CLIENTS; c++)
		if (count(w, c, WAITER_NEW) > 0)
			assert_true(running(w, it->client) <= running(w, c));
	for (uint32_t i = 0; it != NULL && i < ITEMS; i++) {
		const struct item *o = &w->items[i];

		if (o->waiter.state == WAITER_NEW && o->client == it->client &&
		    o->conn == it->conn)
			assert_true(it->at <= o->at);
	}
}

static void
change_one(struct world *w, uint32_t i)
{
	struct waiter *waiter = &w->items[i].waiter;

	switch (waiter->state) {
	case WAITER_OUT:
		(void)add(
		    w, i, (uint32_t)rand() % CLIENTS, (uint32_t)rand() % CONNS);
		break;
	case WAITER_IN_SLOT:
		if (rand() % 2 == 0)
			queue_put_back(&w->q, waiter, (uint32_t)rand() % 5);
		else
			queue_leave(&w->q, waiter);
		break;
	default:
		if (rand() % 4 == 0)
			queue_leave(&w->q, waiter);
		else if (queue_any(&w->q) != NULL)
			queue_take(&w->q, queue_any(&w->q));
	}
}

static void
any_order_of_events_keeps_the_rules(void **state)
{
	struct world *w = *state;

	srand(1);
	for (uint32_t r = 0; r < ROUNDS; r++) {
		change_one(w, (uint32_t)rand() % ITEMS);
		check_next(w);
	}
}

/* With one slot and everybody always waiting: each client's turn comes within
 * as many as there are clients. */
static void
nobody_starves(void **state)
{
	struct world *w = *state;
	uint32_t since[CLIENTS] = { 0 };

	for (uint32_t i = 0; i < ITEMS; i++)
		(void)add(w, i, i < 40 ? 0 : 1 + i % (CLIENTS - 1), i % CONNS);
	for (int r = 0; r < 1000; r++) {
		struct item *it = take(w);
		uint32_t i = (uint32_t)(it - w->items), c = it->client;

		for (uint32_t k = 0; k < CLIENTS; k++)
			assert_true(++since[k] <= CLIENTS);
		since[c] = 0;
		queue_leave(&w->q, &it->waiter);
		(void)add(w, i, c, it->conn);
	}
}

/* Many that ask for one thing after the other are not new each time. */
static void
backlog_gets_its_turn_beside_many_small_ones(void **state)
{
	struct world *w = *state;
	uint32_t n_backlog = 0;

	for (uint32_t i = 0; i < 30; i++)
		(void)add(w, i, 0, 0);
	for (uint32_t c = 1; c < CLIENTS; c++)
		(void)add(w, 30 + c, c, 0);
	for (int r = 0; r < 40; r++) {
		struct item *it = take(w);

		n_backlog += it->client == 0;
		queue_leave(&w->q, &it->waiter);
		if (it->client != 0)
			(void)add(w, 30 + it->client, it->client, 0);
	}
	assert_in_range(n_backlog, 40 / CLIENTS - 1, 40 / CLIENTS + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(flood_costs_another_one_request),
		TEST(slots_are_shared_when_another_waits),
		TEST(backlog_gets_its_turn_beside_many_small_ones),
		TEST(connections_of_a_client_take_turns),
		TEST(those_of_a_dead_worker_are_first_by_rank),
		TEST(full_queue_gives_up_one_of_who_has_most),
		TEST(connection_may_go_before_what_it_asked_for),
		TEST(any_order_of_events_keeps_the_rules),
		TEST(nobody_starves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
