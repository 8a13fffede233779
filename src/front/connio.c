/*
 * The bytes of a connection: from its socket to the protocol, and back. A
 * connection with TLS differs in what reads and writes it, and in that either
 * may have to wait for the other.
 */
#include "front/conn_own.h"

#include "base/clock.h"
#include "front/array.h"
#include "front/front.h"
#include "front/intake.h"
#include "front/tls.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define READS_A_TURN 4u /* then others get their turn */
#define LINGER_MS 2000u /* to take the last reply before the close */
#define OUT_KEPT 4096u	/* bytes of an empty output buffer */
#define IN_KEPT 4096u	/* of an empty input buffer */

/* All is sent: shut our side and wait a little for the peer's end, because a
 * close with unread input would reset the connection under the last reply. */
static void
linger(struct conn *c)
{
	if (c->tls != NULL)
		tls_shut(c->tls);
	if (c->is_eof || shutdown(c->fd, SHUT_WR) != 0) {
		conn_abort(c, ERR_EOF);
		return;
	}
	c->is_paused = false;
	c->is_lingering = true;
	c->stall = NEVER;
	c->deadline = clock_ms() + LINGER_MS;
	buf_trim(&c->in);
	conn_want(c);
	conn_set_timer(c);
}

static void
note_backlog(struct conn *c)
{
	uint32_t high = c->front->config.out_high;
	size_t n = buf_len(&c->out);
	bool is_slow = c->is_slow ? n > high / 2 : n > high;

	if ((is_slow == c->is_slow && (is_slow || !c->tells_drained)) ||
	    c->is_finishing)
		return;
	c->is_slow = is_slow;
	c->tells_drained = false;
	c->ops->slow(c->arg, is_slow);
}

static void
note_stall(struct conn *c, bool has_moved)
{
	if (c->tls != NULL && tls_is_shaking(c->tls))
		; /* the handshake's limit stands */
	else if (buf_len(&c->out) == 0)
		c->stall = NEVER;
	else if (has_moved || c->stall == NEVER)
		c->stall = clock_ms() + c->front->config.stall_ms;
	conn_set_timer(c);
}

/* The journal has the intent before, the outcome after. */
static ssize_t
send_out(struct conn *c)
{
	size_t n = buf_len(&c->out);
	ssize_t r;

	if (c->counts != NULL)
		journal_count(&c->counts->intent, c->n_sent + n);
	/* Arrays are memfds: at Unix sockets, where there is no TLS. */
	r = c->tls != NULL
	    ? tls_write(c->tls, buf_data(&c->out), n)
	    : arrays_send(&c->arrays, c->fd, buf_data(&c->out), n, c->n_sent);
	if (r > 0) {
		c->n_sent += (uint64_t)r;
		buf_consume(&c->out, (size_t)r);
	}
	if (c->counts != NULL)
		journal_count(&c->counts->sent, c->n_sent);
	return r;
}

/* Sends what the socket takes. */
void
conn_flush(struct conn *c)
{
	bool has_moved = false;

	if (buf_err(&c->out) != 0) {
		/* A reader so slow that even parking did not help; or there
		 * was no memory. */
		conn_abort(c, buf_err(&c->out));
		return;
	}
	while (!c->is_blocked && buf_len(&c->out) > 0) {
		ssize_t r = send_out(c);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
			conn_abort(c,
			    errno == EPIPE || errno == ECONNRESET ? ERR_EOF
								  : ERR_IO);
			return;
		}
		if (r < 0) {
			c->is_blocked =
			    c->tls == NULL || tls_wants_write(c->tls);
			break;
		}
		has_moved = true;
	}
	conn_want(c);
	/* A large reply's memory is not kept for the small ones after it. */
	if (buf_len(&c->out) == 0 && c->out.cap > OUT_KEPT)
		buf_trim(&c->out);
	note_stall(c, has_moved);
	note_backlog(c);
	if (c->is_finishing && buf_len(&c->out) == 0 && !c->is_lingering)
		linger(c);
}

/* The peer has shut its side. If it is gone altogether (a Unix socket tells),
 * there is nobody to answer. */
static void
at_eof(struct conn *c)
{
	struct pollfd p = { .fd = c->fd };

	c->is_eof = true;
	conn_want(c);
	if (c->is_lingering ||
	    (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0)) {
		conn_abort(c, ERR_EOF);
		return;
	}
	c->ops->eof(c->arg);
}

/* Counts what of its input is held now. */
int
conn_count_input(struct conn *c, struct fail *why)
{
	size_t n = buf_len(&c->in);

	if (c->ops->held != NULL)
		n += c->ops->held(c->arg);
	return intake_hold(c->front, c->client, &c->intake, n, why);
}

/* Memory that a large message has left is not kept for what follows it. */
static void
fit_input(struct conn *c)
{
	if (buf_len(&c->in) == 0 && c->in.cap > IN_KEPT)
		buf_trim(&c->in);
	else if (c->in.cap > INTAKE_FREE && buf_len(&c->in) < c->in.cap / 2)
		buf_fit(&c->in);
}

void
conn_tell_input(struct conn *c)
{
	struct fail why;

	c->ops->input(c->arg);
	if (conn_count_input(c, &why) != 0) {
		c->ops->full(c->arg, &why);
		conn_touch(c); /* so that it is counted again */
	}
	fit_input(c);
}

static void
take_input(struct conn *c, const char *p, size_t n)
{
	if (c->is_lingering || c->is_finishing)
		return;
	buf_put(&c->in, p, n);
	if (buf_err(&c->in) != 0) {
		conn_abort(c, ERR_TOO_BIG);
		return;
	}
	if (c->is_paused)
		c->has_input = true;
	else
		conn_tell_input(c);
}

/* Once all is said, what comes is not looked at. */
static ssize_t
receive(struct conn *c, void *room, size_t n)
{
	if (c->tls != NULL && !c->is_lingering)
		return tls_read(c->tls, room, n);
	return recv(c->fd, room, n, MSG_DONTWAIT);
}

#define NOT_HTTPS "this port speaks HTTPS: ask for https://, not http://\n"

/* Who speaks HTTP where TLS is wanted is told so, in HTTP. */
static void
give_tls_up(struct conn *c)
{
	if (!tls_saw_http(c->tls)) {
		conn_abort(c, ERR_EOF);
		return;
	}
	tls_free(c->tls);
	c->tls = NULL;
	buf_printf(&c->out,
	    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
	    sizeof(NOT_HTTPS) - 1, NOT_HTTPS);
	conn_finish(c);
}

void
conn_read(struct conn *c)
{
	/* Not on the stack, which an obituary keeps a piece of: clients' keys
	 * come here. */
	static char room[READ_SIZE];

	for (unsigned i = 0; i < READS_A_TURN; i++) {
		ssize_t r;

		if (c->is_dead || c->is_eof || c->is_paused)
			return;
		r = receive(c, room, sizeof(room));
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (r < 0 && errno == EPROTO)
			give_tls_up(c);
		else if (r < 0)
			conn_abort(c, errno == ECONNRESET ? ERR_EOF : ERR_IO);
		else if (r == 0)
			at_eof(c);
		else
			take_input(c, room, (size_t)r);
		if (r < (ssize_t)sizeof(room))
			return;
	}
}
