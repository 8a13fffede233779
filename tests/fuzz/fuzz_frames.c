/*
 * A process that was taken over writes to another's channel. Whatever it
 * writes, and in whatever pieces: frames as the table allows, or the end.
 *
 * Byte 0 of the input picks who listens to whom, byte 1 the size of the
 * pieces; byte 2 how often a descriptor rides beside them. The rest goes into
 * the channel, and into every layout by itself.
 */
#include "wire/chan.h"

#include "../lib/any_struct.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const enum proc ends[][2] = {
	{ PROC_FRONT, PROC_KEEPER },
	{ PROC_KEEPER, PROC_FRONT },
	{ PROC_WORKER, PROC_KEEPER },
	{ PROC_KEEPER, PROC_WORKER },
	{ PROC_WORKER, PROC_FRONT },
	{ PROC_FRONT, PROC_WORKER },
};

/* So that the bytes are really read. */
static volatile unsigned sink;

/* What was unpacked packs to the same bytes, but for what pads arrays. */
static unsigned
check_layout(const struct layout *l, const void *p, size_t n)
{
	union any_struct st, again;
	unsigned sum;
	struct buf b;
	int err;

	if (layout_unpack(l, &st, p, n) != 0)
		return 0;
	sum = any_touch(l, &st);
	buf_init(&b, SIZE_MAX);
	layout_pack(l, &st, &b);
	assert(buf_err(&b) == 0 && buf_len(&b) == n);
	err = layout_unpack(l, &again, buf_data(&b), buf_len(&b));
	assert(err == 0 && any_touch(l, &again) == sum);
	buf_done(&b);
	return sum;
}

/* Takes all that has come. 0, or what ended the channel. */
static int
take(struct chan *c, const enum proc end[2])
{
	struct frame f;
	int err, again;

	while ((err = chan_recv(c, &f)) == 0) {
		const struct msg_row *r = msg_row(f.msg);

		assert(r != NULL && r->to == end[0] && r->from == end[1]);
		assert(f.n <= r->max && f.n_fds <= r->max_fds);
		assert((uintptr_t)f.payload % 8 == 0);
		sink += check_layout(r->layout, f.payload, f.n);
		frame_close(&f);
	}
	if (err == ERR_AGAIN)
		return 0;
	again = chan_recv(c, &f);
	assert(again == err);
	return err;
}

static ssize_t
send_piece(int sock, const uint8_t *p, size_t n, bool with_fd)
{
	static int null = -1;
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)p, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (null < 0)
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (with_fd) {
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.head), &null, sizeof(int));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.room);
	}
	return sendmsg(sock, &m, MSG_NOSIGNAL);
}

static void
check_channel(const uint8_t *data, size_t n, const uint8_t how[3])
{
	const enum proc *end = ends[how[0] % 6];
	size_t piece = how[1] == 0 ? 65536 : how[1];
	struct chan *c;
	int fds[2];
	int err = chan_pair(fds);

	assert(err == 0);
	c = chan_new(fds[0], end[0], end[1], 4096);
	assert(c != NULL);
	for (unsigned i = 1; n > 0 && err == 0; i++) {
		bool with_fd = how[2] != 0 && i % how[2] == 0;
		ssize_t r =
		    send_piece(fds[1], data, piece < n ? piece : n, with_fd);

		assert(r > 0 || errno == EAGAIN);
		data += r > 0 ? r : 0;
		n -= r > 0 ? (size_t)r : 0;
		err = take(c, end);
	}
	(void)close(fds[1]);
	err = take(c, end);
	assert(err != 0);
	chan_free(c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct layout *const layouts[] = {
#define ROW(name, fields) &layout_##name,
		LAYOUTS(ROW)
	};
	void *copy;

	if (n < 3)
		return 0;
	check_channel(data + 3, n - 3, data);
	copy = malloc(n - 3 + 1);
	assert(copy != NULL);
	memcpy(copy, data + 3, n - 3);
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		sink += check_layout(layouts[i], copy, n - 3);
	free(copy);
	return 0;
}
