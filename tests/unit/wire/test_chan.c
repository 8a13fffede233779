/* Framed channels, ends of which are cut, choked, lied to and killed. */
#include "wire/chan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HEADER 16u
#define MANY 1000000u

static unsigned
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n;
}

/* Each test ends with the descriptors that it began with. */
static int
count_before(void **state)
{
	*state = (void *)(uintptr_t)open_fds();
	return 0;
}

static int
count_after(void **state)
{
	return (uintptr_t)*state != open_fds();
}

/* The keeper's end is raw, so that it can lie; the front's is a channel. */
struct world {
	int raw;
	struct chan *front;
};

static struct world
world_new(void)
{
	struct world w;
	int fds[2];

	assert_int_equal(chan_pair(fds), 0);
	w.raw = fds[0];
	w.front = chan_new(fds[1], PROC_FRONT, PROC_KEEPER, MANY);
	assert_non_null(w.front);
	return w;
}

static void
world_end(struct world *w)
{
	chan_free(w->front);
	if (w->raw >= 0)
		(void)close(w->raw);
}

static void
raw_write(int fd, const void *p, size_t n)
{
	assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

/* n bytes with count descriptors beside them. */
static void
raw_send_fds(int sock, const void *p, size_t n, const int *fds, size_t count)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int) * 64)];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)p, n };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(sizeof(int) * count) };

	control.head.cmsg_len = CMSG_LEN(sizeof(int) * count);
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * count);
	assert_int_equal(sendmsg(sock, &m, MSG_NOSIGNAL), n);
}

static void
put_header(struct buf *b, uint32_t n, uint32_t msg, uint32_t fds, uint32_t zero)
{
	buf_put_u32(b, n);
	buf_put_u32(b, msg);
	buf_put_u32(b, fds);
	buf_put_u32(b, zero);
}

/* A FRONT_DRAIN that says ms, as the keeper's channel would send it. */
static void
put_drain(struct buf *b, uint32_t ms)
{
	put_header(b, 4, MSG_FRONT_DRAIN, 0, 0);
	buf_put_u32(b, ms);
	buf_put_u32(b, 0);
}

static uint32_t
drain_ms(const struct frame *f)
{
	struct front_drain d;

	assert_int_equal(f->msg, MSG_FRONT_DRAIN);
	assert_int_equal(frame_unpack(f, &d), 0);
	return d.timeout_ms;
}

/* Frames of many sizes, the i-th with i in it. */
static struct buf
some_frames(uint32_t n)
{
	struct buf b;

	buf_init(&b, MANY);
	for (uint32_t i = 0; i < n; i++) {
		struct model_state st = { .model = i + 1,
			.text = { "0123456789abcdef", i % 17 } };
		struct buf payload;

		buf_init(&payload, MANY);
		layout_pack(&layout_model_state, &st, &payload);
		put_header(
		    &b, (uint32_t)buf_len(&payload), MSG_MODEL_STATE, 0, 0);
		buf_put_str(&b, buf_str(&payload));
		while (buf_len(&b) % 8 != 0)
			buf_put_u8(&b, 0);
		buf_done(&payload);
	}
	assert_int_equal(buf_err(&b), 0);
	return b;
}

/* Takes frames until there are none; each must be the one after the last. */
static int
take_frames(struct chan *c, uint32_t *seen)
{
	struct model_state st;
	struct frame f;
	int err;

	while ((err = chan_recv(c, &f)) == 0) {
		assert_int_equal(f.msg, MSG_MODEL_STATE);
		assert_int_equal(frame_unpack(&f, &st), 0);
		assert_int_equal(st.model, *seen + 1);
		assert_int_equal(st.text.n, *seen % 17);
		assert_memory_equal(st.text.p, "0123456789abcdef", st.text.n);
		(*seen)++;
	}
	return err;
}

static void
test_every_split(void **state)
{
	struct buf b = some_frames(6);

	(void)state;
	for (size_t at = 0; at <= buf_len(&b); at++) {
		struct world w = world_new();
		uint32_t seen = 0;

		raw_write(w.raw, buf_data(&b), at);
		assert_int_equal(take_frames(w.front, &seen), ERR_AGAIN);
		raw_write(w.raw, buf_data(&b) + at, buf_len(&b) - at);
		assert_int_equal(take_frames(w.front, &seen), ERR_AGAIN);
		assert_int_equal(seen, 6);
		world_end(&w);
	}
	buf_done(&b);
}

static void
test_byte_by_byte(void **state)
{
	struct buf b = some_frames(40);
	struct world w = world_new();
	uint32_t seen = 0;

	(void)state;
	for (size_t at = 0; at < buf_len(&b); at++) {
		raw_write(w.raw, buf_data(&b) + at, 1);
		assert_int_equal(take_frames(w.front, &seen), ERR_AGAIN);
	}
	assert_int_equal(seen, 40);
	world_end(&w);
	buf_done(&b);
}

/* The peer dies after each byte: what was whole comes, then the end. */
static void
test_killed_at_every_byte(void **state)
{
	struct buf b = some_frames(6);

	(void)state;
	for (size_t at = 0, whole = 0, next = 0; at <= buf_len(&b); at++) {
		struct world w = world_new();
		uint32_t seen = 0, n;

		if (at == next && at < buf_len(&b)) {
			memcpy(&n, buf_data(&b) + at, sizeof(n));
			next += HEADER + (n + 7) / 8 * 8;
		}
		raw_write(w.raw, buf_data(&b), at);
		(void)close(w.raw);
		w.raw = -1;
		assert_int_equal(take_frames(w.front, &seen), ERR_EOF);
		assert_int_equal(take_frames(w.front, &seen), ERR_EOF);
		if (at == next)
			whole = 6;
		assert_true(seen <= 6);
		if (whole == 6)
			assert_int_equal(seen, 6);
		world_end(&w);
	}
	buf_done(&b);
}

static void
test_headers_that_lie(void **state)
{
	static const uint32_t lies[][4] = {
		{ 4, MSG_NONE, 0, 0 },
		{ 4, MSG_COUNT, 0, 0 },
		{ 4, UINT32_MAX, 0, 0 },
		{ 4, MSG_FRONT_READY, 0, 0 }, /* the front's own */
		{ 4, MSG_WORKER_LOAD, 0, 0 }, /* not for the front */
		{ 257, MSG_FRONT_DRAIN, 0, 0 },
		{ UINT32_MAX, MSG_FRONT_DRAIN, 0, 0 },
		{ UINT32_MAX - 7, MSG_MODEL_STATE, 0, 0 },
		{ 4, MSG_FRONT_DRAIN, 1, 0 },
		{ 4, MSG_MODEL_STATE, 2, 0 },
		{ 4, MSG_MODEL_STATE, UINT32_MAX, 0 },
		{ 4, MSG_FRONT_DRAIN, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct world w = world_new();
		struct frame f = { .n = 77 };
		struct buf b;

		buf_init(&b, MANY);
		put_drain(&b, 1);
		put_header(&b, lies[i][0], lies[i][1], lies[i][2], lies[i][3]);
		put_drain(&b, 2);
		raw_write(w.raw, buf_data(&b), buf_len(&b));
		assert_int_equal(chan_recv(w.front, &f), 0);
		assert_int_equal(drain_ms(&f), 1);
		f.n = 77;
		for (int again = 0; again < 3; again++)
			assert_int_equal(chan_recv(w.front, &f), ERR_PROTO);
		assert_int_equal(f.n, 77);
		assert_int_equal(chan_send(w.front, MSG_FRONT_READY,
				     &(struct front_ready){ 1 }, -1),
		    ERR_PROTO);
		buf_done(&b);
		world_end(&w);
	}
}

/* A payload that is no packed struct is the receiver's to refuse. */
static void
test_payload_that_lies(void **state)
{
	struct world w = world_new();
	struct front_drain d;
	struct frame f;
	struct buf b;

	(void)state;
	buf_init(&b, MANY);
	put_header(&b, 3, MSG_FRONT_DRAIN, 0, 0);
	buf_put_u64(&b, 0);
	put_header(&b, 5, MSG_FRONT_DRAIN, 0, 0);
	buf_put_u64(&b, 0);
	put_header(&b, 0, MSG_FRONT_DRAIN, 0, 0);
	raw_write(w.raw, buf_data(&b), buf_len(&b));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(chan_recv(w.front, &f), 0);
		assert_int_equal(frame_unpack(&f, &d), ERR_PROTO);
	}
	buf_done(&b);
	world_end(&w);
}

/* A header that claims a descriptor which never came ends the channel, and
 * the good frames behind it are not taken either. */
static void
test_descriptor_claimed_but_not_sent(void **state)
{
	struct world w = world_new();
	struct frame f = { .n = 77 };
	struct buf b;

	(void)state;
	buf_init(&b, MANY);
	put_header(&b, 0, MSG_MODEL_STATE, 1, 0);
	put_drain(&b, 2);
	raw_write(w.raw, buf_data(&b), buf_len(&b));
	for (int again = 0; again < 3; again++)
		assert_int_equal(chan_recv(w.front, &f), ERR_PROTO);
	assert_int_equal(f.n, 77);
	buf_done(&b);
	world_end(&w);
}

/* More descriptors than any frame carries: refused, and none stays open. */
static void
test_too_many_descriptors(void **state)
{
	int fds[40];
	struct frame f;
	struct buf b;

	(void)state;
	buf_init(&b, MANY);
	put_drain(&b, 1);
	for (size_t i = 0; i < 40; i++)
		fds[i] = STDIN_FILENO;
	for (size_t count = 5; count <= 40; count += 7) {
		struct world w = world_new();

		raw_send_fds(w.raw, buf_data(&b), buf_len(&b), fds, count);
		assert_int_equal(chan_recv(w.front, &f), ERR_PROTO);
		assert_int_equal(chan_recv(w.front, &f), ERR_PROTO);
		world_end(&w);
	}
	buf_done(&b);
}

/* A descriptor beside a frame that claims none: the frame is good, but then
 * it is over. What comes with it is closed, were it the peer's own end. */
static void
test_descriptor_nobody_claims(void **state)
{
	struct world w = world_new();
	struct frame f;
	struct buf b;

	(void)state;
	buf_init(&b, MANY);
	put_drain(&b, 1);
	raw_send_fds(w.raw, buf_data(&b), buf_len(&b), &w.raw, 1);
	assert_int_equal(chan_recv(w.front, &f), 0);
	assert_int_equal(drain_ms(&f), 1);
	assert_int_equal(chan_recv(w.front, &f), ERR_PROTO);
	buf_done(&b);
	world_end(&w);
}

static ino_t
inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* The keeper's end as a channel too, its socket's room small or large. */
static struct chan *
keeper_of(struct world *w, size_t out_max, int room)
{
	struct chan *c;

	if (room > 0)
		assert_int_equal(setsockopt(w->raw, SOL_SOCKET, SO_SNDBUF,
				     &room, sizeof(room)),
		    0);
	c = chan_new(w->raw, PROC_KEEPER, PROC_FRONT, out_max);
	w->raw = -1;
	assert_non_null(c);
	return c;
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

#define CHAN_TEST(name) \
	cmocka_unit_test_setup_teardown(name, count_before, count_after)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CHAN_TEST(test_every_split),
		CHAN_TEST(test_byte_by_byte),
		CHAN_TEST(test_killed_at_every_byte),
		CHAN_TEST(test_headers_that_lie),
		CHAN_TEST(test_payload_that_lies),
		CHAN_TEST(test_descriptor_claimed_but_not_sent),
		CHAN_TEST(test_too_many_descriptors),
		CHAN_TEST(test_descriptor_nobody_claims),
		CHAN_TEST(test_descriptors_ride_with_their_frame),
		CHAN_TEST(test_refused_frame_leaves_no_descriptor),
		CHAN_TEST(test_backpressure),
		CHAN_TEST(test_over_the_ceiling),
		CHAN_TEST(test_largest_message),
		CHAN_TEST(test_last_words_after_a_failed_send),
		CHAN_TEST(test_free_closes_what_waits),
		CHAN_TEST(test_bad_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
