/*
 * Who a client is, how often it may ask, how long that may take, and who is
 * suspected when a worker dies: the rules, without a front.
 */
#include "front/bucket.h"
#include "front/client.h"
#include "front/deadline.h"
#include "front/poison.h"
#include "front/suspect.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define MINUTE 60000u
#define NOW 1000000u

/*
 * Buckets
 */

static void
bucket_gives_a_minutes_worth_then_the_rate(void **state)
{
	struct bucket b = { 0 };

	(void)state;
	for (int i = 0; i < 6; i++) {
		assert_int_equal(bucket_wait(&b, 6, 1, NOW), 0);
		bucket_take(&b, 6, 1, NOW);
	}
	assert_int_equal(bucket_wait(&b, 6, 1, NOW), 10000);
	assert_int_equal(bucket_wait(&b, 6, 1, NOW + 9999), 1);
	assert_int_equal(bucket_wait(&b, 6, 1, NOW + 10000), 0);
	bucket_take(&b, 6, 1, NOW + 10000);
	/* However long it was left alone, it holds no more than that. */
	for (int i = 0; i < 6; i++)
		bucket_take(&b, 6, 1, NOW + 100u * MINUTE);
	assert_int_not_equal(bucket_wait(&b, 6, 1, NOW + 100u * MINUTE), 0);
}

static void
bucket_that_owes_waits_longer(void **state)
{
	struct bucket b = { 0 };

	(void)state;
	bucket_take(&b, 100, 300, NOW);
	assert_int_equal(
	    bucket_wait(&b, 100, 1, NOW), 2u * MINUTE + MINUTE / 100);
	assert_int_equal(bucket_wait(&b, 0, 1, NOW), 0);
	assert_int_equal(bucket_wait(&b, 100, 1, NOW + 3u * MINUTE), 0);
}

/*
 * Clients
 */

static struct client *
client_at(struct clients *all, int *ret_fd)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	close(pair[1]);
	*ret_fd = pair[0];
	return client_of_fd(all, pair[0], UID_UNTOLD);
}

/* A connection to ourselves, from that address. */
static struct client *
client_from(struct clients *all, const char *address)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int to = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	struct client *c;
	int in;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(to, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(to, 1), 0);
	assert_int_equal(getsockname(to, (struct sockaddr *)&a, &n), 0);
	struct sockaddr_in from = { .sin_family = AF_INET };
	from.sin_addr.s_addr = inet_addr(address);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, n), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, n), 0);
	in = accept(to, NULL, NULL);
	c = client_of_fd(all, in, UID_UNTOLD);
	close(in);
	close(fd);
	close(to);
	return c;
}

static void
client_is_an_address_or_a_user(void **state)
{
	struct clients *all = clients_new(10);
	struct client *a, *b, *c;
	char uid[32];
	int fd;

	(void)state;
	a = client_from(all, "127.0.0.2");
	b = client_from(all, "127.0.0.2");
	c = client_at(all, &fd);
	assert_ptr_equal(a, b);
	assert_string_equal(a->name, "127.0.0.2");
	(void)snprintf(uid, sizeof(uid), "uid %u", geteuid());
	assert_string_equal(c->name, uid);
	assert_true(client_is_operator(fd, UID_UNTOLD));
	assert_int_equal(clients_count(all), 2);
	close(fd);
	client_drop(a);
	client_drop(b);
	client_drop(c);
	clients_free(all);
}

static void
clients_are_bounded(void **state)
{
	struct clients *all = clients_new(2);
	struct client *a, *b, *c;

	(void)state;
	a = client_from(all, "127.0.0.2");
	b = client_from(all, "127.0.0.3");
	c = client_from(all, "127.0.0.4");
	assert_string_equal(c->name, "others");
	client_drop(c);
	client_convict(a, NOW);
	client_drop(a);
	/* Remembered while there is room, forgotten when it is needed. */
	assert_ptr_equal(client_from(all, "127.0.0.2"), a);
	assert_int_equal(a->n_convicted, 1);
	client_drop(a);
	c = client_from(all, "127.0.0.5");
	assert_string_equal(c->name, "127.0.0.5");
	assert_int_equal(clients_count(all), 2);
	client_drop(c);
	client_drop(b);
	clients_free(all);
}

static void
penalties_grow_and_decay(void **state)
{
	struct client c = { 0 };
	const uint64_t day = NOW + 24u * 60 * MINUTE;

	(void)state;
	client_convict(&c, NOW);
	assert_int_equal(client_penalty(&c, NOW), 0);
	client_convict(&c, NOW);
	assert_int_equal(client_penalty(&c, NOW), 1000);
	assert_int_equal(client_penalty(&c, NOW + 400), 600);
	assert_int_equal(client_penalty(&c, NOW + 1000), 0);
	client_convict(&c, NOW);
	assert_int_equal(client_penalty(&c, NOW), 2000);
	for (int i = 0; i < 60; i++)
		client_convict(&c, NOW);
	assert_int_equal(client_penalty(&c, NOW), 5u * MINUTE);
	assert_int_equal(client_penalty(&c, day), 0);
	client_convict(&c, day);
	assert_int_equal(client_penalty(&c, day), 0);
}

/*
 * Deadlines
 */

static void
deadlines_go_from_the_queue_to_the_end(void **state)
{
	struct gen_times server = { .queue_ms = 100, .total_ms = 500 };
	struct gen_times t = { .queue_ms = 200, .first_ms = 300 };
	struct fail why;
	uint64_t ms;

	(void)state;
	deadline_limit(&t, &server);
	assert_int_equal(deadline_next(&t, false, false, &ms), DEADLINE_QUEUE);
	assert_int_equal(ms, 100); /* more than the server's is not had */
	assert_int_equal(deadline_next(&t, true, false, &ms), DEADLINE_FIRST);
	assert_int_equal(ms, 300);
	assert_int_equal(deadline_next(&t, true, true, &ms), DEADLINE_TOTAL);
	assert_int_equal(ms, 500);
	assert_int_equal(deadline_fail(DEADLINE_FIRST, &t, &why), ERR_TIMEOUT);
	assert_string_equal(why.field, "first_token_timeout_ms");
	assert_non_null(strstr(why.text, "0.300 s"));
	t = (struct gen_times){ 0 };
	assert_int_equal(deadline_next(&t, false, false, &ms), DEADLINE_NONE);
}

/*
 * Suspects: a worker that computes any number at once, of which one kills it
 * after so many steps. Who waits goes by rank, as gen.c does it.
 */

#define MAX 32u

struct run {
	struct suspect s;
	bool is_in;
	bool is_convicted;
	bool has_token;
};

struct trial {
	struct run runs[MAX];
	uint32_t n;
	uint32_t bad;  /* this one kills */
	uint32_t fuse; /* ms that it needs for that */
	uint64_t now;
	uint32_t deaths;
};

static struct company
company(const struct trial *t)
{
	struct company c = { 0 };

	for (uint32_t i = 0; i < t->n; i++)
		if (t->runs[i].is_in)
			company_add(&c, &t->runs[i].s, false);
	return c;
}

/* The one to be sent next: NULL if all are in. */
static struct run *
first_waiting(struct trial *t)
{
	struct run *best = NULL;

	for (uint32_t i = 0; i < t->n; i++) {
		struct run *r = &t->runs[i];

		if (r->is_in || r->is_convicted)
			continue;
		if (best == NULL ||
		    suspect_rank(&r->s, true, r->has_token) >
			suspect_rank(&best->s, true, best->has_token))
			best = r;
	}
	return best;
}

static void
send_all_that_may(struct trial *t)
{
	struct company c = company(t);
	struct run *r;

	while ((r = first_waiting(t)) != NULL &&
	    suspect_wait(&r->s, &c, t->now) == 0) {
		r->is_in = true;
		r->s.sent_ms = t->now;
		c = company(t);
	}
}

static void
worker_dies(struct trial *t)
{
	struct company c = company(t);

	t->deaths++;
	for (uint32_t i = 0; i < t->n; i++) {
		struct run *r = &t->runs[i];

		if (!r->is_in)
			continue;
		r->is_in = false;
		suspect_on_death(&r->s, &c);
		r->is_convicted = suspect_is_convicted(&r->s);
		if (r->is_convicted)
			for (uint32_t k = 0; k < t->n; k++)
				suspect_on_conviction(&t->runs[k].s);
	}
}

/* Until everybody has a token or is convicted. */
static void
run_trial(struct trial *t)
{
	t->now = NOW;
	for (uint32_t i = 0; i < t->n; i++)
		t->runs[i].is_in = true;
	worker_dies(t);
	for (int step = 0; step < 10000; step++, t->now += 10) {
		struct run *bad = &t->runs[t->bad];

		send_all_that_may(t);
		if (bad->is_in && t->now - bad->s.sent_ms >= t->fuse) {
			worker_dies(t);
			continue;
		}
		for (uint32_t i = 0; i < t->n; i++)
			if (i != t->bad && t->runs[i].is_in)
				suspect_on_token(&t->runs[i].s);
	}
}

static void
poison_is_found_in_four_deaths(void **state)
{
	static const uint32_t fuses[] = { 0, 10, 1000, 3000, 20000 };

	(void)state;
	for (unsigned f = 0; f < sizeof(fuses) / sizeof(fuses[0]); f++) {
		for (uint32_t n = 1; n <= MAX; n++) {
			struct trial t = { .n = n, .fuse = fuses[f] };

			for (uint32_t i = 0; i < n; i++)
				t.runs[i].has_token = i % 2 == 0;
			t.bad = (n * 5 + 3) % n;
			run_trial(&t);
			assert_int_equal(t.deaths, 4);
			for (uint32_t i = 0; i < n; i++)
				assert_int_equal(
				    t.runs[i].is_convicted, i == t.bad);
		}
	}
}

static void
slow_suspect_holds_nobody_up(void **state)
{
	struct suspect slow = { .deaths = 1, .sent_ms = NOW };
	struct suspect other = { .deaths = 1 }, fresh = { 0 };
	struct company c = { 0 };

	(void)state;
	company_add(&c, &slow, false);
	assert_int_equal(
	    suspect_wait(&other, &c, NOW + 500), SUSPECT_GRACE_MS - 500);
	assert_int_equal(
	    suspect_wait(&fresh, &c, NOW + 500), SUSPECT_GRACE_MS - 500);
	assert_int_equal(suspect_wait(&other, &c, NOW + SUSPECT_GRACE_MS), 0);
	/* But one that killed twice is waited for. */
	slow.deaths = 2;
	company_add(&c, &slow, false);
	assert_true(
	    suspect_wait(&fresh, &c, NOW + SUSPECT_GRACE_MS) == UINT64_MAX);
	/* Unless it is parked: nothing comes of that. */
	c = (struct company){ 0 };
	company_add(&c, &slow, true);
	assert_int_equal(suspect_wait(&fresh, &c, NOW), 0);
}

static void
convicted_is_known_again_for_a_while(void **state)
{
	struct gen_submit s = { .input = INPUT_PROMPT,
		.prompt = STR("poison"),
		.seed = 1,
		.gen = 5 };
	struct poison p;

	(void)state;
	poison_init(&p);
	assert_null(poison_find(&p, 1, &s, NOW));
	poison_note(&p, poison_hash(&p, 1, &s), STR("x-1"), NOW);
	s.seed = 2;
	s.gen = 6;
	s.cache_key = 7;
	s.cache = 16;
	assert_string_equal(poison_find(&p, 1, &s, NOW)->crash, "x-1");
	assert_null(poison_find(&p, 2, &s, NOW));
	assert_null(poison_find(&p, 1, &s, NOW + POISON_MS));
	s.prompt = STR("poisom");
	assert_null(poison_find(&p, 1, &s, NOW));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bucket_gives_a_minutes_worth_then_the_rate),
		cmocka_unit_test(bucket_that_owes_waits_longer),
		cmocka_unit_test(client_is_an_address_or_a_user),
		cmocka_unit_test(clients_are_bounded),
		cmocka_unit_test(penalties_grow_and_decay),
		cmocka_unit_test(deadlines_go_from_the_queue_to_the_end),
		cmocka_unit_test(poison_is_found_in_four_deaths),
		cmocka_unit_test(slow_suspect_holds_nobody_up),
		cmocka_unit_test(convicted_is_known_again_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
