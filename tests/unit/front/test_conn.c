/* A connection with the test as its client and as its protocol. */
#include "front/client.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

struct world {
	struct front f;
	struct conn *c; /* NULL once it has closed */
	int client;
	int n_input, n_eof, n_slow, n_deadline, n_closed, n_drain, n_full;
	bool is_slow;
	int err;
};

static void
heard_input(void *arg)
{
	((struct world *)arg)->n_input++;
}

static void
heard_eof(void *arg)
{
	((struct world *)arg)->n_eof++;
}

static void
heard_slow(void *arg, bool is_slow)
{
	struct world *w = arg;

	w->n_slow++;
	w->is_slow = is_slow;
}

static void
heard_deadline(void *arg)
{
	((struct world *)arg)->n_deadline++;
}

static void
heard_closed(void *arg, int err)
{
	struct world *w = arg;

	w->n_closed++;
	w->err = err;
	w->c = NULL;
}

static void
heard_drain(void *arg)
{
	((struct world *)arg)->n_drain++;
}

static void
heard_full(void *arg, const struct fail *why)
{
	struct world *w = arg;

	assert_int_equal(why->code, ERR_BUSY);
	w->n_full++;
	buf_consume(conn_in(w->c), buf_len(conn_in(w->c)));
}

static const struct conn_ops ops = { .input = heard_input,
	.eof = heard_eof,
	.slow = heard_slow,
	.deadline = heard_deadline,
	.closed = heard_closed,
	.drain = heard_drain,
	.full = heard_full };

static void
turn(struct world *w, uint64_t ms)
{
	struct timer *t = timer_new(w->f.loop, (timer_fn)loop_stop, w->f.loop);

	conn_turn(&w->f);
	timer_set(t, ms);
	assert_int_equal(loop_run(w->f.loop), 0);
	timer_free(t);
}

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct front *f = &w->f;
	int pair[2];

	assert_int_equal(front_init(f), 0);
	f->config.body_max = 1000;
	f->config.input_max = MIB;
	f->config.header_max = 1000;
	f->config.out_high = 20000;
	f->config.stall_ms = 150;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	w->client = pair[1];
	w->c = conn_new(f, pair[0], UID_UNTOLD, &ops, w);
	assert_non_null(w->c);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	conn_free_all(&w->f);
	assert_int_equal(w->f.n_conns, 0);
	assert_int_equal(w->n_closed, 1);
	if (w->client >= 0)
		close(w->client);
	front_done(&w->f);
	free(w);
	return 0;
}

static void
say(struct world *w, const char *text)
{
	assert_int_equal(write(w->client, text, strlen(text)), strlen(text));
}

static void
input_gathers_until_consumed(void **state)
{
	struct world *w = *state;

	say(w, "ab");
	turn(w, 5);
	say(w, "cd");
	turn(w, 5);
	assert_int_equal(w->n_input, 2);
	assert_true(str_is(buf_str(conn_in(w->c)), "abcd"));
}

static void
paused_input_waits_and_comes_in_the_turn_of_the_resume(void **state)
{
	struct world *w = *state;

	say(w, "ab");
	turn(w, 5);
	conn_pause(w->c, true);
	say(w, "cd");
	turn(w, 5);
	assert_int_equal(w->n_input, 1);
	assert_int_equal(buf_len(conn_in(w->c)), 2);
	conn_pause(w->c, false);
	assert_int_equal(w->n_input, 1);
	conn_turn(&w->f);
	assert_int_equal(w->n_input, 2);
	turn(w, 5);
	assert_int_equal(buf_len(conn_in(w->c)), 4);
}

static void
output_is_one_write_a_turn(void **state)
{
	struct world *w = *state;
	char got[64];

	for (int i = 0; i < 3; i++) {
		buf_puts(conn_out(w->c), "x");
		conn_touch(w->c);
	}
	assert_int_equal(read(w->client, got, sizeof(got)), -1);
	conn_turn(&w->f);
	assert_int_equal(read(w->client, got, sizeof(got)), 3);
}

static void
half_close_is_heard_once_and_output_still_goes(void **state)
{
	struct world *w = *state;
	char got[8];

	assert_int_equal(shutdown(w->client, SHUT_WR), 0);
	turn(w, 5);
	assert_int_equal(w->n_eof, 1);
	assert_true(conn_is_eof(w->c));
	buf_puts(conn_out(w->c), "late");
	conn_touch(w->c);
	turn(w, 5);
	assert_int_equal(read(w->client, got, sizeof(got)), 4);
	assert_int_equal(w->n_eof, 1);
	assert_int_equal(w->n_closed, 0);
}

static void
vanished_client_closes(void **state)
{
	struct world *w = *state;

	close(w->client);
	w->client = -1;
	turn(w, 5);
	assert_int_equal(w->n_closed, 1);
	assert_int_equal(w->err, ERR_EOF);
}

/* Fills the socket and more than the mark behind it. */
static void
flood(struct world *w)
{
	static const char block[10000];

	for (int i = 0; i < 100 && w->c != NULL; i++) {
		buf_put(conn_out(w->c), block, sizeof(block));
		conn_touch(w->c);
		conn_turn(&w->f);
	}
}

static void
slow_reader_is_told_of_and_forgiven(void **state)
{
	struct world *w = *state;
	char got[65536];
	ssize_t n = 1;

	flood(w);
	assert_true(w->is_slow);
	assert_int_equal(w->n_slow, 1);
	assert_true(conn_is_slow(w->c));
	while (w->is_slow && n > 0) {
		n = read(w->client, got, sizeof(got));
		turn(w, 2);
	}
	assert_false(w->is_slow);
	assert_int_equal(w->n_slow, 2);
	assert_int_equal(w->n_closed, 0);
}

static void
stalled_reader_is_closed(void **state)
{
	struct world *w = *state;

	flood(w);
	turn(w, 400);
	assert_int_equal(w->n_closed, 1);
	assert_int_equal(w->err, ERR_TIMEOUT);
}

static void
output_past_all_bounds_closes(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 10; i++)
		flood(w);
	assert_int_equal(w->n_closed, 1);
	assert_int_equal(w->err, ERR_TOO_BIG);
}

/* As where there is no memory for the first byte: nothing is in the buffer, but
 * not for want of anything to say. */
static void
reply_that_cannot_even_begin_closes(void **state)
{
	struct world *w = *state;

	assert_null(buf_reserve(conn_out(w->c), SIZE_MAX));
	conn_rest(w->c);
	conn_touch(w->c);
	turn(w, 5);
	assert_int_equal(w->n_closed, 1);
}

static void
deadline_fires_once_and_can_be_moved(void **state)
{
	struct world *w = *state;

	conn_deadline(w->c, 30);
	conn_deadline(w->c, 100000);
	turn(w, 80);
	assert_int_equal(w->n_deadline, 0);
	conn_deadline(w->c, 10);
	turn(w, 60);
	assert_int_equal(w->n_deadline, 1);
	turn(w, 30);
	assert_int_equal(w->n_deadline, 1);
	conn_deadline(w->c, 10);
	conn_deadline(w->c, 0);
	turn(w, 40);
	assert_int_equal(w->n_deadline, 1);
}

static void
finish_sends_all_then_waits_for_the_peers_end(void **state)
{
	struct world *w = *state;
	char got[16];

	buf_puts(conn_out(w->c), "bye");
	conn_finish(w->c);
	turn(w, 5);
	assert_int_equal(read(w->client, got, sizeof(got)), 3);
	assert_int_equal(read(w->client, got, sizeof(got)), 0);
	assert_int_equal(w->n_closed, 0);
	say(w, "what was still on its way");
	turn(w, 5);
	assert_int_equal(w->n_input, 0);
	assert_int_equal(shutdown(w->client, SHUT_WR), 0);
	turn(w, 5);
	assert_int_equal(w->n_closed, 1);
}

static void
abort_is_told_later_and_once(void **state)
{
	struct world *w = *state;

	conn_abort(w->c, ERR_IO);
	conn_abort(w->c, ERR_EOF);
	assert_int_equal(w->n_closed, 0);
	conn_turn(&w->f);
	assert_int_equal(w->n_closed, 1);
	assert_int_equal(w->err, ERR_IO);
}

static void
input_over_its_ceiling_closes(void **state)
{
	struct world *w = *state;
	char block[4096] = { 0 };

	for (int i = 0; i < 40 && w->c != NULL; i++) {
		(void)!write(w->client, block, sizeof(block));
		turn(w, 2);
	}
	assert_int_equal(w->n_closed, 1);
	assert_int_equal(w->err, ERR_TOO_BIG);
}

/* Sends n bytes as far as the socket takes them, turn by turn. */
static void
send_much(struct world *w, size_t n)
{
	char block[4096] = { 0 };

	for (; n > 0; n -= sizeof(block)) {
		(void)!write(w->client, block, sizeof(block));
		turn(w, 1);
	}
}

static void
input_without_memory_is_told_of(void **state)
{
	struct world *w = *state;

	w->f.config.input_max = 2048;
	send_much(w, INTAKE_FREE);
	assert_int_equal(w->f.intake, 0);
	assert_int_equal(buf_len(conn_in(w->c)), INTAKE_FREE);
	say(w, "x");
	turn(w, 5);
	assert_int_equal(w->f.intake, 1);
	w->f.config.input_max = 1;
	say(w, "x");
	turn(w, 5);
	assert_int_equal(w->n_full, 1);
	assert_int_equal(w->f.intake, 0);
	assert_int_equal(conn_in(w->c)->cap, 0);
}

static void
input_that_is_left_takes_no_more_memory_than_it_needs(void **state)
{
	struct world *w = *state;

	send_much(w, INTAKE_FREE);
	say(w, "x");
	turn(w, 5);
	assert_true(conn_in(w->c)->cap > INTAKE_FREE);
	buf_consume(conn_in(w->c), INTAKE_FREE - 3);
	say(w, "x");
	turn(w, 5);
	assert_int_equal(buf_len(conn_in(w->c)), 5);
	assert_int_equal(conn_in(w->c)->cap, 5);
	assert_int_equal(w->f.intake, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(input_gathers_until_consumed),
		TEST(paused_input_waits_and_comes_in_the_turn_of_the_resume),
		TEST(output_is_one_write_a_turn),
		TEST(half_close_is_heard_once_and_output_still_goes),
		TEST(vanished_client_closes),
		TEST(slow_reader_is_told_of_and_forgiven),
		TEST(stalled_reader_is_closed),
		TEST(output_past_all_bounds_closes),
		TEST(reply_that_cannot_even_begin_closes),
		TEST(deadline_fires_once_and_can_be_moved),
		TEST(finish_sends_all_then_waits_for_the_peers_end),
		TEST(abort_is_told_later_and_once),
		TEST(input_over_its_ceiling_closes),
		TEST(input_without_memory_is_told_of),
		TEST(input_that_is_left_takes_no_more_memory_than_it_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
