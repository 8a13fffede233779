/*
 * Theory: each sequence is a play of chance, named by its number: clients that
 * call any method with anything, in batches or not, as notifications or not,
 * and come and go; a keeper that loads models or will not; workers that speak,
 * end, fail and die; a server that stops. Whatever happens, each reply must be
 * JSON-RPC 2.0 of the documented kind, belong to a call that is owed one, and
 * agree with what its client may know of its state; and when all is done,
 * nothing may be owed and nothing be left.
 *
 *	unit.front.rpc_property [sequences [first]]
 *
 * The rows of rpc_calls.h say what is documented; this file knows no method
 * but those that change a client's state.
 */
#include "rpc_asks.h"

#define DEFAULT_SEQUENCES 5000

static uint64_t sequences = DEFAULT_SEQUENCES, first;

/* What happens. */

/* A server that stops reads nothing more of those whose init or destroy it has
 * just ended. */
static bool
is_lost(const struct asked *c)
{
	return s.p->is_draining && c->may_be_lost;
}

static bool
owes_anything(unsigned client)
{
	const struct peer *peer = &s.peers[client];

	for (unsigned i = 1; i < s.n_calls; i++) {
		const struct asked *c = &s.calls[i];

		if (c->client == client && !is_lost(c) &&
		    (c->owes_answer || c->owes_stream))
			return true;
	}
	return !s.p->is_draining && peer->nulls_owed < peer->n_nulls;
}

static void
forget(unsigned client)
{
	struct peer *c = &s.peers[client];

	close(c->fd);
	for (unsigned i = 1; i < s.n_calls; i++)
		if (s.calls[i].client == client)
			s.calls[i].owes_answer = s.calls[i].owes_stream = false;
	buf_done(&c->in);
	*c = (struct peer){ .fd = -1, .model = -1 };
}

static void
enter(unsigned client)
{
	struct peer *c = &s.peers[client];

	connect_client(s.p->w);
	*c = (struct peer){ .fd = s.p->w->client, .model = -1 };
	s.p->w->client = -1;
	buf_init(&c->in, 4 * MIB);
}

static void
hear_lines(unsigned client)
{
	struct buf *in = &s.peers[client].in;
	const char *p, *end;

	while ((p = (const char *)buf_data(in)) != NULL &&
	    (end = memchr(p, '\n', buf_len(in))) != NULL) {
		size_t n = (size_t)(end - p);
		char *line = malloc(n + 1);

		memcpy(line, p, n);
		line[n] = '\0';
		note("  <- ", line);
		buf_consume(in, n + 1);
		check_line(client, (struct str){ line, n });
		free(line);
	}
}

/* All that has come; at its end nothing may be owed. */
static void
hear_peer(unsigned client)
{
	struct peer *c = &s.peers[client];
	char room[16384];
	ssize_t n = -1;

	while (c->fd >= 0 && (n = read(c->fd, room, sizeof(room))) > 0)
		buf_put(&c->in, room, (size_t)n);
	if (c->fd < 0)
		return;
	hear_lines(client);
	if (n != 0)
		return;
	CHECK(buf_len(&c->in) == 0, "ended in a line");
	CHECK(!owes_anything(client), "ended, owing");
	CHECK(c->has_finished || s.p->is_draining, "ended for no reason");
	forget(client);
}

static void
everybody_hears(void)
{
	turn(s.p->w);
	keeper_hears_all(s.p);
	for (unsigned i = 0; i < CLIENTS; i++)
		hear_peer(i);
}

static void
a_client_speaks(void)
{
	static unsigned client; /* who has spoken goes on for a while */
	struct peer *c;
	struct buf b;
	ssize_t n;

	if (one_in(s.p, 3) || s.n_calls == 1)
		client = roll(s.p, CLIENTS);
	/* Few are left when the server stops. */
	for (unsigned i = 0; s.p->is_draining && i < CLIENTS; i++)
		if (s.peers[client].fd < 0 || s.peers[client].has_finished)
			client = (client + 1) % CLIENTS;
	c = &s.peers[client];
	if (c->fd < 0 || c->has_finished || s.n_calls + 5 > CALLS_MAX)
		return;
	buf_init(&b, MIB);
	if (one_in(s.p, 8))
		put_batch(&b, client);
	else if (one_in(s.p, 10))
		put_broken(&b, client);
	else
		put_call(&b, client, 0);
	buf_puts(&b, "\n");
	buf_put_u8(&b, '\0');
	note(client == 0      ? "0 -> "
		: client == 1 ? "1 -> "
			      : "2 -> ",
	    (const char *)buf_data(&b));
	n = (ssize_t)buf_len(&b) - 1;
	CHECK(send(c->fd, buf_data(&b), (size_t)n, MSG_NOSIGNAL) == n,
	    "not taken");
	buf_done(&b);
}

static void
a_client_goes_or_comes(void)
{
	unsigned client = roll(s.p, CLIENTS);
	struct peer *c = &s.peers[client];

	if (c->fd < 0 && !s.p->is_draining) {
		note("comes", "");
		enter(client);
	} else if (c->fd >= 0 && one_in(s.p, 2)) {
		note("goes", client == 0 ? " 0" : "");
		forget(client);
	} else if (c->fd >= 0 && !c->has_finished) {
		note("finishes", "");
		(void)shutdown(c->fd, SHUT_WR);
		c->has_finished = true;
	}
}

static void
a_worker_works(void)
{
	struct fake_model *m = &s.p->models[roll(s.p, MODELS)];

	for (unsigned n = roll(s.p, 8); n > 0; n--)
		worker_works(s.p, m);
}

static void
a_worker_dies_or_comes(void)
{
	struct fake_model *m = &s.p->models[roll(s.p, MODELS)];

	note("dies or comes: ", m->name);
	if (m->worker != NULL)
		worker_dies(s.p, m);
	else if (m->id != 0)
		keeper_tells(s.p, m, MODEL_UP, 0);
}

static void
a_model_is_lost(void)
{
	struct fake_model *m = &s.p->models[roll(s.p, MODELS)];

	note("lost: ", m->name);
	model_is_lost(s.p, m);
}

static void
the_server_stops(void)
{
	struct front_drain d = { .timeout_ms = 60000 };

	bool is_owing = false;

	/* Where nobody is owed anything, that is the end of all. */
	for (unsigned i = 0; i < CLIENTS; i++)
		is_owing |=
		    s.peers[i].fd >= 0 && owes(i, RUN, s.n_calls, false);
	if (s.p->is_draining || (!is_owing && !one_in(s.p, 8)))
		return;
	note("drain", "");
	s.p->is_draining = true;
	keeper_says(s.p->w, MSG_FRONT_DRAIN, &d, -1);
}

static void
the_keeper_answers(void)
{
	if (one_in(s.p, 2))
		keeper_answers(s.p);
	else
		keeper_attaches(s.p);
}

static const struct {
	unsigned weight; /* of 100 */
	void (*fn)(void);
} happenings[] = {
	{ 51, a_client_speaks },
	{ 22, the_keeper_answers },
	{ 16, a_worker_works },
	{ 4, a_worker_dies_or_comes },
	{ 1, a_model_is_lost },
	{ 3, a_client_goes_or_comes },
	{ 3, the_server_stops },
};

static void
something_happens(void)
{
	unsigned at = roll(s.p, 100), i = 0;

	while (at >= happenings[i].weight)
		at -= happenings[i++].weight;
	happenings[i].fn();
	everybody_hears();
}

/* What is owed comes, and then the end. */
static void
end_of_play(void)
{
	bool is_owing = true;

	note("end", "");
	for (unsigned i = 0; i < CLIENTS; i++)
		if (s.peers[i].fd >= 0)
			(void)shutdown(s.peers[i].fd, SHUT_WR);
	for (unsigned i = 0; i < CLIENTS; i++)
		s.peers[i].has_finished = true;
	for (unsigned round = 0; is_owing && round < 1000; round++) {
		play_settles(s.p);
		everybody_hears();
		is_owing = false;
		for (unsigned i = 0; i < CLIENTS; i++)
			is_owing |= s.peers[i].fd >= 0;
	}
	play_settles(s.p);
	CHECK(s.p->n_held == 0, "%u files are held", s.p->n_held);
	for (unsigned i = 0; i < CLIENTS; i++)
		CHECK(s.peers[i].fd < 0, "%u: %s", i,
		    owes_anything(i) ? "is owed for ever" : "is not closed");
}

static void
play(uint64_t number)
{
	unsigned n;

	memset(&s, 0, sizeof(s));
	s.number = number;
	buf_init(&s.log, 16 * MIB);
	s.p = play_new(number);
	s.n_calls = 1; /* 0 is of nobody */
	for (unsigned i = 0; i < CLIENTS; i++)
		s.peers[i] = (struct peer){ .fd = -1, .model = -1 };
	close(s.p->w->client);
	enter(0);
	if (!one_in(s.p, 3))
		enter(1);
	for (n = 6 + roll(s.p, 35); n > 0; n--)
		something_happens();
	end_of_play();
	play_free(s.p);
	s.p = NULL;
	buf_done(&s.log);
}

/* Of one that failed, all that happened. */
static int
tell_sequence(void **state)
{
	(void)state;
	if (s.p != NULL)
		(void)fprintf(stderr, "sequence %llu:\n%.*s",
		    (unsigned long long)s.number, (int)buf_len(&s.log),
		    (const char *)buf_data(&s.log));
	return 0;
}

static void
test_any_sequence(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < sequences; i++)
		play(first + i);
	print_message("%llu sequences: %u replies, %u of them errors\n",
	    (unsigned long long)sequences, replies, errors);
}

/* Each method was called in each state that it can be in. */
static void
test_each_method_in_each_state(void **state)
{
	unsigned least = UINT32_MAX;

	(void)state;
	if (sequences < 1000)
		skip();
	for (unsigned i = 0; i < STATES; i++)
		for (unsigned k = 0; k < METHODS; k++) {
			if (seen[i][k] == 0)
				fail_msg("%s: not while %s",
				    method_rows[k].name, state_names[i]);
			if (seen[i][k] < least)
				least = seen[i][k];
		}
	print_message("each of %zu methods in each of %d states, at least %u "
		      "times\n",
	    METHODS, STATES, least);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_any_sequence, tell_sequence),
		cmocka_unit_test(test_each_method_in_each_state),
	};

	if (argc > 1)
		sequences = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		first = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
