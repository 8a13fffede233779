/*
 * Reading: bytes go into one buffer; a frame is given out when it is whole.
 * Descriptors come beside the bytes, in order, and the kernel never merges
 * data across them, so a first-in-first-out of received descriptors matches
 * them to the frames whose headers claim them. One that comes without such a
 * frame ends the channel: it could be the peer's own end, which we would keep
 * open and never see it end.
 *
 * Writing: bytes go into one buffer. A descriptor is sent beside the first
 * byte of its frame, so a mark remembers at which byte of the stream it goes.
 */
#include "wire/chan.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER 16u /* payload length, message, descriptors, 0 */
#define ALIGN 8u   /* payloads are padded to this, to be read in place */
#define READ_SIZE 65536u
#define KEEP (1u << 20) /* bytes of memory an empty buffer may keep */
#define MARKS 16u	/* descriptors that wait to be sent or taken */

struct mark {
	uint64_t at; /* offset in the stream of bytes sent */
	int fd;
};

struct chan {
	int fd;
	enum proc self;
	enum proc peer;
	struct buf in;
	size_t taken; /* of in: the frame that was given out last */
	struct buf out;
	uint64_t sent; /* bytes, since the start */
	struct mark marks[MARKS];
	unsigned n_marks;
	int fds[MARKS]; /* received, not yet claimed by a frame */
	unsigned n_fds;
	int in_err;  /* what ended receiving; sticks */
	int out_err; /* what ended sending; sticks */
};

int
chan_pair(int ret_fds[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		ret_fds) != 0)
		return ERR_IO;
	return 0;
}

static size_t
padded(size_t n)
{
	return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static size_t
largest_payload(enum proc from, enum proc to)
{
	size_t max = 0;

	for (unsigned m = 1; m < MSG_COUNT; m++) {
		const struct msg_row *r = msg_row(m);

		if (r->from == from && r->to == to && r->max > max)
			max = r->max;
	}
	return max;
}

struct chan *
chan_new(int fd, enum proc self, enum proc peer, size_t out_max)
{
	struct chan *c = calloc(1, sizeof(*c));
	int flags = fcntl(fd, F_GETFL);

	if (c == NULL || flags < 0 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
		free(c);
		(void)close(fd);
		return NULL;
	}
	c->fd = fd;
	c->self = self;
	c->peer = peer;
	buf_init(&c->in, largest_payload(peer, self) + HEADER + READ_SIZE);
	buf_init(&c->out, out_max);
	return c;
}

void
chan_free(struct chan *c)
{
	if (c == NULL)
		return;
	for (unsigned i = 0; i < c->n_marks; i++)
		(void)close(c->marks[i].fd);
	for (unsigned i = 0; i < c->n_fds; i++)
		(void)close(c->fds[i]);
	(void)close(c->fd);
	buf_done(&c->in);
	buf_done(&c->out);
	free(c);
}

int
chan_fd(const struct chan *c)
{
	return c->fd;
}

void
chan_hang_up(struct chan *c)
{
	(void)shutdown(c->fd, SHUT_WR);
}

size_t
chan_waiting(const struct chan *c)
{
	return buf_len(&c->out);
}

static ssize_t
send_some(int sock, const void *p, size_t n, int fd)
{
	ssize_t r;

	do
		r = fd_send(sock, p, n, fd);
	while (r < 0 && errno == EINTR);
	return r;
}

/* The peer closed its end; with bytes unread that is a reset. */
static bool
is_gone(int error)
{
	return error == EPIPE || error == ECONNRESET;
}

static void
drop_mark(struct chan *c)
{
	(void)close(c->marks[0].fd);
	c->n_marks--;
	memmove(c->marks, c->marks + 1, c->n_marks * sizeof(c->marks[0]));
}

/* One large message is no reason to hold its memory for ever. */
static void
consume(struct buf *b, size_t n)
{
	buf_consume(b, n);
	if (buf_len(b) == 0 && b->cap > KEEP)
		buf_trim(b);
}

int
chan_flush(struct chan *c)
{
	while (c->out_err == 0 && buf_len(&c->out) > 0) {
		size_t n = buf_len(&c->out);
		int fd = -1;
		ssize_t r;

		if (c->n_marks > 0 && c->marks[0].at == c->sent)
			fd = c->marks[0].fd;
		else if (c->n_marks > 0 && c->marks[0].at - c->sent < n)
			n = (size_t)(c->marks[0].at - c->sent);
		if (fd >= 0 && c->n_marks > 1 && c->marks[1].at - c->sent < n)
			n = (size_t)(c->marks[1].at - c->sent);
		r = send_some(c->fd, buf_data(&c->out), n, fd);
		if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (r < 0)
			c->out_err = is_gone(errno) ? ERR_EOF : ERR_IO;
		if (r < 0)
			break;
		if (fd >= 0)
			drop_mark(c);
		c->sent += (uint64_t)r;
		consume(&c->out, (size_t)r);
	}
	return c->out_err;
}

/* start: where in the bytes that wait the descriptor's frame begins. */
static int
add_mark(struct chan *c, size_t start, int fd)
{
	int copy;

	if (c->n_marks == MARKS)
		return ERR_TOO_BIG;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return ERR_IO;
	c->marks[c->n_marks].at = c->sent + start;
	c->marks[c->n_marks].fd = copy;
	c->n_marks++;
	return 0;
}

/* A frame is packed in place behind those that wait; one that does not fit is
 * taken back whole. Its mark is the last thing that can fail. */
static int
finish_frame(struct chan *c, enum msg m, size_t start, int fd)
{
	static const uint8_t zero[ALIGN];
	size_t n = buf_len(&c->out) - start - HEADER;
	uint32_t head[HEADER / 4] = { (uint32_t)n, m, fd >= 0, 0 };
	int err = buf_err(&c->out);

	if (err == 0 && n > msg_row(m)->max)
		err = ERR_TOO_BIG;
	if (err == 0) {
		buf_put(&c->out, zero, padded(n) - n);
		err = buf_err(&c->out);
	}
	if (err == 0 && fd >= 0)
		err = add_mark(c, start, fd);
	if (err != 0) {
		c->out.err = 0;
		buf_truncate(&c->out, start);
		return err;
	}
	memcpy(c->out.data + c->out.off + start, head, sizeof(head));
	return chan_flush(c);
}

static int
start_frame(struct chan *c, enum msg m, int fd, size_t *ret_start)
{
	static const uint8_t zero[HEADER];
	const struct msg_row *row = msg_row(m);

	if (c->in_err != 0 || c->out_err != 0)
		return c->in_err != 0 ? c->in_err : c->out_err;
	if (row == NULL || row->from != c->self || row->to != c->peer ||
	    (fd >= 0 && row->max_fds == 0))
		return ERR_PROTO;
	*ret_start = buf_len(&c->out);
	buf_put(&c->out, zero, sizeof(zero));
	return 0;
}

int
chan_send(struct chan *c, enum msg m, const void *st, int fd)
{
	size_t start;
	int err = start_frame(c, m, fd, &start);

	if (err != 0)
		return err;
	layout_pack(msg_row(m)->layout, st, &c->out);
	return finish_frame(c, m, start, fd);
}

int
chan_send_packed(struct chan *c, enum msg m, const void *p, size_t n, int fd)
{
	size_t start;
	int err = start_frame(c, m, fd, &start);

	if (err != 0)
		return err;
	buf_put(&c->out, p, n);
	return finish_frame(c, m, start, fd);
}

static int
keep_fds(struct chan *c, struct msghdr *m)
{
	struct cmsghdr *h;
	int err = 0;

	for (h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
			if (c->n_fds < MARKS) {
				c->fds[c->n_fds++] = fd;
				continue;
			}
			(void)close(fd);
			err = ERR_PROTO;
		}
	}
	if (m->msg_flags & MSG_CTRUNC)
		err = ERR_PROTO;
	return err;
}

/* One recvmsg into the buffer. 0, ERR_AGAIN, ERR_EOF, ERR_IO, ERR_PROTO. */
static int
fill(struct chan *c, size_t want)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int) * 4)];
	} control;
	struct iovec iov;
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t r;

	iov.iov_len = want > READ_SIZE ? want : READ_SIZE;
	iov.iov_base = buf_reserve(&c->in, iov.iov_len);
	if (iov.iov_base == NULL)
		return buf_err(&c->in);
	do
		r = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC);
	while (r < 0 && errno == EINTR);
	if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return ERR_AGAIN;
	if (r < 0)
		return is_gone(errno) ? ERR_EOF : ERR_IO;
	if (r == 0)
		return ERR_EOF;
	buf_commit(&c->in, (size_t)r);
	return keep_fds(c, &m);
}

/* Whether the header at the front is one that the peer may send. */
static int
check_header(const struct chan *c, const uint32_t head[HEADER / 4])
{
	const struct msg_row *row = msg_row(head[1]);

	if (row == NULL || row->from != c->peer || row->to != c->self)
		return ERR_PROTO;
	if (head[0] > row->max || head[2] > row->max_fds || head[3] != 0)
		return ERR_PROTO;
	return 0;
}

/* Reads until a whole frame is at the front, whose size goes to *ret_size. */
static int
next_frame(struct chan *c, uint32_t head[HEADER / 4], size_t *ret_size)
{
	size_t want = HEADER;
	int err;

	for (;;) {
		if (buf_len(&c->in) >= HEADER) {
			memcpy(head, buf_data(&c->in), HEADER);
			err = check_header(c, head);
			if (err != 0)
				return err;
			want = HEADER + padded(head[0]);
		}
		if (buf_len(&c->in) >= want)
			break;
		if (buf_len(&c->in) == 0 && c->n_fds > 0)
			return ERR_PROTO;
		err = fill(c, want - buf_len(&c->in));
		/* Where nothing can be sent, nothing more will come. */
		if (err == ERR_AGAIN && c->out_err != 0)
			return c->out_err;
		if (err != 0)
			return err;
	}
	*ret_size = want;
	return head[2] > c->n_fds ? ERR_PROTO : 0;
}

static void
claim_fds(struct chan *c, struct frame *f, unsigned n)
{
	for (unsigned i = 0; i < MSG_MAX_FDS; i++)
		f->fds[i] = i < n ? c->fds[i] : -1;
	c->n_fds -= n;
	memmove(c->fds, c->fds + n, c->n_fds * sizeof(c->fds[0]));
	f->n_fds = (uint8_t)n;
}

int
chan_recv(struct chan *c, struct frame *ret)
{
	uint32_t head[HEADER / 4];
	size_t size;
	int err;

	consume(&c->in, c->taken);
	c->taken = 0;
	if (c->in_err != 0)
		return c->in_err;
	err = next_frame(c, head, &size);
	if (err == ERR_AGAIN)
		return err;
	if (err != 0) {
		c->in_err = err;
		return err;
	}
	ret->msg = (enum msg)head[1];
	ret->n = head[0];
	ret->payload = buf_data(&c->in) + HEADER;
	claim_fds(c, ret, head[2]);
	c->taken = size;
	return 0;
}

int
frame_unpack(const struct frame *f, void *ret)
{
	return layout_unpack(msg_row(f->msg)->layout, ret, f->payload, f->n);
}

void
frame_close(struct frame *f)
{
	for (unsigned i = 0; i < f->n_fds; i++) {
		if (f->fds[i] >= 0)
			(void)close(f->fds[i]);
		f->fds[i] = -1;
	}
	f->n_fds = 0;
}
