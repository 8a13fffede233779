/* What is sent: with its descriptors, into sockets that are full or closed. */
#include "ends.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static ino_t
inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* Frames of many sizes, some with a descriptor of their own, through a
 * socket that takes them in pieces: each arrives with its own. */
static void
test_descriptors_ride_with_their_frame(void **state)
{
	static char text[40000];
	struct world w = world_new();
	struct chan *keeper = keeper_of(&w, 64u << 20, 4608);
	ino_t inodes[200] = { 0 };
	unsigned sent = 0, got = 0;
	uint32_t seed = 5;

	(void)state;
	while (got < 200) {
		struct model_state st = { .model = sent + 1 };
		struct frame f;
		int ends[2] = { -1, -1 };
		int err = 0;

		seed = seed * 1664525u + 1013904223u;
		st.text = (struct str){ text, (seed >> 8) % sizeof(text) };
		if (sent < 200 && (seed >> 28) % 2)
			assert_int_equal(pipe(ends), 0);
		if (sent < 200)
			err = chan_send(keeper, MSG_MODEL_STATE, &st, ends[0]);
		if (sent < 200 && err == 0) {
			inodes[sent] = ends[0] < 0 ? 0 : inode(ends[0]);
			sent++;
		}
		if (ends[0] >= 0) {
			(void)close(ends[0]);
			(void)close(ends[1]);
		}
		/* Sixteen may wait; then some must be taken. */
		assert_true(err == 0 || err == ERR_TOO_BIG);
		assert_int_equal(chan_flush(keeper), 0);
		if (err == 0 && sent < 200 && sent % 8 != 0)
			continue;
		while (chan_recv(w.front, &f) == 0) {
			assert_int_equal(frame_unpack(&f, &st), 0);
			assert_int_equal(st.model, got + 1);
			assert_int_equal(f.n_fds, inodes[got] != 0);
			if (f.n_fds > 0)
				assert_int_equal(inode(f.fds[0]), inodes[got]);
			assert_true(f.n_fds == 0 ||
			    fcntl(f.fds[0], F_GETFD) & FD_CLOEXEC);
			frame_close(&f);
			got++;
		}
	}
	chan_free(keeper);
	world_end(&w);
}

/* A frame that is refused for want of room leaves nothing behind, least of
 * all its descriptor beside the next one. */
static void
test_refused_frame_leaves_no_descriptor(void **state)
{
	(void)state;
	for (size_t out_max = 0; out_max < 300; out_max++) {
		struct world w = world_new();
		struct chan *keeper = keeper_of(&w, out_max, 0);
		struct front_listen l = { .label = STR("nineteen bytes long") };
		struct front_drain d = { 7 };
		struct frame f;
		int sent;

		sent = chan_send(keeper, MSG_FRONT_LISTEN, &l, STDIN_FILENO);
		assert_true(sent == 0 || sent == ERR_TOO_BIG);
		if (out_max >= 24)
			assert_int_equal(
			    chan_send(keeper, MSG_FRONT_DRAIN, &d, -1), 0);
		if (sent == 0) {
			assert_int_equal(chan_recv(w.front, &f), 0);
			assert_int_equal(f.msg, MSG_FRONT_LISTEN);
			frame_close(&f);
		}
		if (out_max >= 24) {
			unsigned before = open_fds();

			assert_int_equal(chan_recv(w.front, &f), 0);
			assert_int_equal(drain_ms(&f), 7);
			assert_int_equal(open_fds(), before);
		}
		assert_int_equal(chan_recv(w.front, &f), ERR_AGAIN);
		chan_free(keeper);
		world_end(&w);
	}
}

/* Nobody reads: what waits stays under its ceiling, what was taken arrives
 * whole and in order once somebody does. */
static void
test_backpressure(void **state)
{
	struct world w = world_new();
	struct chan *keeper = keeper_of(&w, 100000, 4608);
	uint32_t sent = 0, seen = 0;
	int err;

	(void)state;
	for (;;) {
		struct model_state st = { .model = sent + 1,
			.text = { "0123456789abcdef", sent % 17 } };

		err = chan_send(keeper, MSG_MODEL_STATE, &st, -1);
		assert_true(chan_waiting(keeper) <= 100000);
		if (err != 0)
			break;
		sent++;
	}
	assert_int_equal(err, ERR_TOO_BIG);
	assert_true(chan_waiting(keeper) > 90000);
	while (seen < sent) {
		assert_int_equal(take_frames(w.front, &seen), ERR_AGAIN);
		assert_int_equal(chan_flush(keeper), 0);
	}
	assert_int_equal(seen, sent);
	assert_int_equal(chan_waiting(keeper), 0);
	chan_free(keeper);
	world_end(&w);
}

static void
test_over_the_ceiling(void **state)
{
	static char text[5000];
	struct world w = world_new();
	struct chan *keeper = keeper_of(&w, MANY, 0);
	struct front_listen l = { .label = { text, 4096 } };
	struct front_drain d = { 7 };
	struct frame f;

	(void)state;
	assert_int_equal(
	    chan_send(keeper, MSG_FRONT_LISTEN, &l, -1), ERR_TOO_BIG);
	assert_int_equal(
	    chan_send_packed(keeper, MSG_FRONT_LISTEN, text, 4097, -1),
	    ERR_TOO_BIG);
	assert_int_equal(chan_waiting(keeper), 0);
	assert_int_equal(
	    chan_send_packed(keeper, MSG_FRONT_LISTEN, text, 4096, -1), 0);
	assert_int_equal(
	    chan_send_packed(keeper, MSG_FRONT_LISTEN, NULL, 0, -1), 0);
	assert_int_equal(chan_send(keeper, MSG_FRONT_DRAIN, &d, -1), 0);
	assert_int_equal(chan_recv(w.front, &f), 0);
	assert_int_equal(f.n, 4096);
	assert_int_equal(chan_recv(w.front, &f), 0);
	assert_int_equal(f.n, 0);
	assert_int_equal(chan_recv(w.front, &f), 0);
	assert_int_equal(drain_ms(&f), 7);
	chan_free(keeper);
	world_end(&w);
}

/* The largest message there is, through a socket of the usual size. */
static void
test_largest_message(void **state)
{
	size_t n = 64u << 20;
	char *big = calloc(1, n);
	struct chan *front, *worker;
	struct frame f;
	int fds[2];
	int err;

	(void)state;
	assert_non_null(big);
	assert_int_equal(chan_pair(fds), 0);
	front = chan_new(fds[0], PROC_FRONT, PROC_WORKER, n + 4096);
	worker = chan_new(fds[1], PROC_WORKER, PROC_FRONT, 4096);
	big[n - 1] = 'z';
	assert_int_equal(
	    chan_send_packed(front, MSG_GEN_SUBMIT, big, n, -1), 0);
	while ((err = chan_recv(worker, &f)) == ERR_AGAIN)
		assert_int_equal(chan_flush(front), 0);
	assert_int_equal(err, 0);
	assert_int_equal(f.n, n);
	assert_int_equal(f.payload[n - 1], 'z');
	chan_free(front);
	chan_free(worker);
	free(big);
}

/* The peer is gone, which shows first when we send: what it had sent whole
 * still comes. */
static void
test_last_words_after_a_failed_send(void **state)
{
	struct buf b = some_frames(6);

	(void)state;
	for (int read_before = 0; read_before < 2; read_before++) {
		struct world w = world_new();
		struct front_ready r = { 1 };
		uint32_t seen = 0;
		struct frame f;

		if (read_before)
			assert_int_equal(chan_recv(w.front, &f), ERR_AGAIN);
		/* Unread bytes at the peer make its close a reset. */
		assert_int_equal(
		    chan_send(w.front, MSG_FRONT_READY, &r, -1), 0);
		raw_write(w.raw, buf_data(&b), buf_len(&b));
		(void)close(w.raw);
		w.raw = -1;
		assert_int_equal(
		    chan_send(w.front, MSG_FRONT_READY, &r, -1), ERR_EOF);
		assert_int_equal(chan_flush(w.front), ERR_EOF);
		assert_int_equal(
		    chan_send(w.front, MSG_FRONT_READY, &r, -1), ERR_EOF);
		assert_int_equal(take_frames(w.front, &seen), ERR_EOF);
		assert_int_equal(seen, 6);
		world_end(&w);
	}
	buf_done(&b);
}

/* Descriptors that wait to be sent, or were received and not taken, are
 * closed with the channel. */
static void
test_free_closes_what_waits(void **state)
{
	static char text[60000];
	struct world w = world_new();
	struct chan *keeper = keeper_of(&w, 64u << 20, 4608);
	struct model_state st = { .text = { text, sizeof(text) } };
	struct frame f;
	int err;

	(void)state;
	do
		err = chan_send(keeper, MSG_MODEL_STATE, &st, STDIN_FILENO);
	while (err == 0);
	assert_int_equal(err, ERR_TOO_BIG);
	while (chan_recv(w.front, &f) == 0)
		frame_close(&f);
	chan_free(keeper);
	world_end(&w);
	chan_free(NULL);
}

static void
test_bad_descriptor(void **state)
{
	struct world w = world_new();
	struct chan *keeper = keeper_of(&w, MANY, 0);
	struct front_listen l = { .kind = 1 };
	struct front_drain d = { 7 };
	struct frame f;

	(void)state;
	assert_null(chan_new(-1, PROC_FRONT, PROC_KEEPER, MANY));
	assert_int_equal(
	    chan_send(keeper, MSG_FRONT_LISTEN, &l, 1 << 20), ERR_IO);
	assert_int_equal(chan_send(keeper, MSG_FRONT_DRAIN, &d, -1), 0);
	assert_int_equal(chan_recv(w.front, &f), 0);
	assert_int_equal(drain_ms(&f), 7);
	chan_free(keeper);
	world_end(&w);
}

/* What was sent before comes, and so does what the other says after. */
static void
test_hang_up_ends_one_way(void **state)
{
	struct world w = world_new();
	struct chan *keeper = keeper_of(&w, MANY, 0);
	struct front_drain d = { 7 };
	struct front_ready r = { 42 };
	struct frame f;

	(void)state;
	assert_int_equal(chan_send(keeper, MSG_FRONT_DRAIN, &d, -1), 0);
	chan_hang_up(keeper);
	assert_int_equal(chan_send(w.front, MSG_FRONT_READY, &r, -1), 0);
	assert_int_equal(chan_recv(w.front, &f), 0);
	assert_int_equal(drain_ms(&f), 7);
	assert_int_equal(chan_recv(w.front, &f), ERR_EOF);
	assert_int_equal(chan_recv(keeper, &f), 0);
	assert_int_equal(f.msg, MSG_FRONT_READY);
	assert_int_equal(chan_send(keeper, MSG_FRONT_DRAIN, &d, -1), ERR_EOF);
	chan_free(keeper);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CHAN_TEST(test_descriptors_ride_with_their_frame),
		CHAN_TEST(test_refused_frame_leaves_no_descriptor),
		CHAN_TEST(test_backpressure),
		CHAN_TEST(test_over_the_ceiling),
		CHAN_TEST(test_largest_message),
		CHAN_TEST(test_last_words_after_a_failed_send),
		CHAN_TEST(test_free_closes_what_waits),
		CHAN_TEST(test_bad_descriptor),
		CHAN_TEST(test_hang_up_ends_one_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
