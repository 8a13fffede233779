/*
 * Nothing here calls a protocol from inside a protocol's call: what has to be
 * told later (input while paused, the end) marks the connection dirty, and
 * conn_turn(), which ends every event, tells it.
 *
 * One timer serves the protocol's deadline and the stall limit. It is set to
 * the earlier of the two and, when it fires early because one has moved, is
 * just set again: moving a deadline for every token must cost nothing.
 */
#include "front/conn.h"

#include "base/clock.h"
#include "front/array.h"
#include "front/client.h"
#include "front/front.h"
#include "front/gen.h"
#include "front/intake.h"
#include "wire/progress.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 65536u
#define READS_A_TURN 4u /* then others get their turn */
#define LINGER_MS 2000u /* to take the last reply before the close */
#define NEVER UINT64_MAX
#define OUT_KEPT 4096u	     /* bytes of an empty output buffer */
#define IN_KEPT 4096u	     /* of an empty input buffer */
#define OUT_FACTOR 64u	     /* hard ceiling of output: times the mark ... */
#define OUT_WIDE (16u << 20) /* ... and this, once it is widened */

struct conn {
	struct list link;  /* in front->conns */
	struct list dirty; /* in front->dirty, or alone */
	struct front *front;
	struct client *client;
	struct party party;
	struct watch *watch;
	struct timer *timer;
	const struct conn_ops *ops;
	void *arg;
	struct buf in;
	struct buf out;
	struct list arrays;	     /* struct array, of what is in out */
	uint64_t deadline;	     /* the protocol's; clock_ms() or NEVER */
	uint64_t stall;		     /* of unread output */
	uint64_t timer_at;	     /* when the timer will fire */
	uint64_t n_sent;	     /* bytes, ever */
	size_t intake;		     /* bytes of input that are counted */
	struct journal_conn *counts; /* NULL: nobody has asked */
	int fd;
	uint32_t uid; /* or UID_UNTOLD */
	int err;      /* why it is dead */
	bool is_paused;
	bool is_eof;
	bool is_slow;
	bool tells_drained; /* slow(false) is wanted though it was not slow */
	bool is_blocked;    /* the socket takes no more now */
	bool is_finishing;  /* close when the output is out */
	bool is_lingering;  /* our side is shut; waiting for the peer's */
	bool is_dead;
	bool has_input; /* input() is due */
};

static void on_watch(void *arg, unsigned events);
static void on_timer(void *arg);

static void
want(struct conn *c)
{
	unsigned events = 0;

	if (!c->is_paused && !c->is_eof)
		events |= WATCH_READ;
	if (c->is_blocked)
		events |= WATCH_WRITE;
	if (watch_want(c->watch, events) != 0)
		conn_abort(c, ERR_IO);
}

struct conn *
conn_new(struct front *f, int fd, uint32_t uid, const struct conn_ops *ops,
    void *arg)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		(void)close(fd);
		return NULL;
	}
	*c = (struct conn){ .front = f,
		.ops = ops,
		.arg = arg,
		.fd = fd,
		.uid = uid,
		.deadline = NEVER,
		.stall = NEVER,
		.timer_at = NEVER };
	list_init(&c->dirty);
	list_init(&c->arrays);
	buf_init(&c->in,
	    (size_t)f->config.body_max + f->config.header_max + READ_SIZE);
	buf_init(&c->out, (size_t)f->config.out_high * OUT_FACTOR);
	c->watch = watch_new(f->loop, fd, on_watch, c);
	c->timer = timer_new(f->loop, on_timer, c);
	if (c->watch == NULL || c->timer == NULL ||
	    watch_want(c->watch, WATCH_READ) != 0) {
		watch_free(c->watch);
		timer_free(c->timer);
		(void)close(fd);
		free(c);
		return NULL;
	}
	c->client = client_of_fd(f->clients, fd, uid);
	party_init(&c->party);
	list_append(&f->conns, &c->link);
	f->n_conns++;
	return c;
}

static void
conn_free(struct conn *c)
{
	struct front *f = c->front;

	list_remove(&c->link);
	list_remove(&c->dirty);
	watch_free(c->watch);
	timer_free(c->timer);
	arrays_drop(&c->arrays);
	intake_drop(f, c->client, &c->intake);
	client_drop(c->client);
	party_done(&c->party);
	(void)close(c->fd);
	journal_conn_free(&f->journal, c->counts);
	buf_done(&c->in);
	buf_done(&c->out);
	f->n_conns--;
	free(c);
}

struct front *
conn_front(const struct conn *c)
{
	return c->front;
}

struct client *
conn_client(const struct conn *c)
{
	return c->client;
}

struct party *
conn_party(struct conn *c)
{
	return &c->party;
}

struct buf *
conn_in(struct conn *c)
{
	return &c->in;
}

struct buf *
conn_out(struct conn *c)
{
	return &c->out;
}

void
conn_widen(struct conn *c)
{
	c->out.max = (size_t)c->front->config.out_high * OUT_FACTOR + OUT_WIDE;
	c->tells_drained = true;
}

void
conn_put_array(struct conn *c, struct array *a)
{
	a->at = c->n_sent + buf_len(&c->out);
	list_append(&c->arrays, &a->link);
}

void
conn_peer(const struct conn *c, char ret[PEER_SIZE])
{
	peer_name(c->fd, c->uid, ret);
}

bool
conn_is_slow(const struct conn *c)
{
	return c->is_slow;
}

bool
conn_is_eof(const struct conn *c)
{
	return c->is_eof;
}

struct journal_conn *
conn_counts(struct conn *c)
{
	if (c->counts != NULL)
		return c->counts;
	c->counts = journal_conn_new(&c->front->journal);
	if (c->counts != NULL) {
		journal_count(&c->counts->made, c->n_sent + buf_len(&c->out));
		journal_count(&c->counts->intent, c->n_sent);
		journal_count(&c->counts->sent, c->n_sent);
	}
	return c->counts;
}

void
conn_touch(struct conn *c)
{
	if (c->counts != NULL)
		journal_count(&c->counts->made, c->n_sent + buf_len(&c->out));
	if (list_empty(&c->dirty))
		list_append(&c->front->dirty, &c->dirty);
}

void
conn_pause(struct conn *c, bool is_paused)
{
	if (c->is_paused == is_paused || c->is_dead || c->is_lingering)
		return;
	c->is_paused = is_paused;
	want(c);
	if (!is_paused && buf_len(&c->in) > 0)
		conn_input_later(c);
}

void
conn_input_later(struct conn *c)
{
	c->has_input = true;
	conn_touch(c);
}

static void
set_timer(struct conn *c)
{
	uint64_t at = c->deadline < c->stall ? c->deadline : c->stall;
	uint64_t now;

	/* One that fires too early costs less than moving it each time. */
	if (at >= c->timer_at)
		return;
	now = clock_ms();
	c->timer_at = at;
	timer_set(c->timer, at > now ? at - now : 0);
}

void
conn_deadline(struct conn *c, uint64_t ms)
{
	if (c->is_lingering || c->is_dead)
		return;
	c->deadline = ms == 0 ? NEVER : clock_ms() + ms;
	set_timer(c);
}

void
conn_abort(struct conn *c, int err)
{
	if (c->is_dead)
		return;
	c->is_dead = true;
	c->err = err;
	conn_touch(c);
}

void
conn_finish(struct conn *c)
{
	c->is_finishing = true;
	conn_touch(c);
}

void
conn_rest(struct conn *c)
{
	if (buf_len(&c->in) == 0)
		buf_trim(&c->in);
	/* One that had no memory for its first byte is empty too, and flush()
	 * has to see why. */
	if (buf_len(&c->out) == 0 && buf_err(&c->out) == 0)
		buf_trim(&c->out);
}

/* All is sent: shut our side and wait a little for the peer's end, because a
 * close with unread input would reset the connection under the last reply. */
static void
linger(struct conn *c)
{
	if (c->is_eof || shutdown(c->fd, SHUT_WR) != 0) {
		conn_abort(c, ERR_EOF);
		return;
	}
	c->is_paused = false;
	c->is_lingering = true;
	c->stall = NEVER;
	c->deadline = clock_ms() + LINGER_MS;
	buf_trim(&c->in);
	want(c);
	set_timer(c);
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
	if (buf_len(&c->out) == 0)
		c->stall = NEVER;
	else if (has_moved || c->stall == NEVER)
		c->stall = clock_ms() + c->front->config.stall_ms;
	set_timer(c);
}

/* The journal has the intent before, the outcome after. */
static ssize_t
send_out(struct conn *c)
{
	size_t n = buf_len(&c->out);
	ssize_t r;

	if (c->counts != NULL)
		journal_count(&c->counts->intent, c->n_sent + n);
	r = arrays_send(&c->arrays, c->fd, buf_data(&c->out), n, c->n_sent);
	if (r > 0) {
		c->n_sent += (uint64_t)r;
		buf_consume(&c->out, (size_t)r);
	}
	if (c->counts != NULL)
		journal_count(&c->counts->sent, c->n_sent);
	return r;
}

/* Sends what the socket takes. */
static void
flush(struct conn *c)
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
			c->is_blocked = true;
			break;
		}
		has_moved = true;
	}
	want(c);
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
	want(c);
	if (c->is_lingering ||
	    (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0)) {
		conn_abort(c, ERR_EOF);
		return;
	}
	c->ops->eof(c->arg);
}

/* Counts what of its input is held now. */
static int
count_input(struct conn *c, struct fail *why)
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

static void
tell_input(struct conn *c)
{
	struct fail why;

	c->ops->input(c->arg);
	if (count_input(c, &why) != 0) {
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
		tell_input(c);
}

static void
read_some(struct conn *c)
{
	char room[READ_SIZE];

	for (unsigned i = 0; i < READS_A_TURN; i++) {
		ssize_t r;

		if (c->is_dead || c->is_eof || c->is_paused)
			return;
		r = recv(c->fd, room, sizeof(room), MSG_DONTWAIT);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (r < 0)
			conn_abort(c, errno == ECONNRESET ? ERR_EOF : ERR_IO);
		else if (r == 0)
			at_eof(c);
		else
			take_input(c, room, (size_t)r);
		if (r < (ssize_t)sizeof(room))
			return;
	}
}

static void
on_watch(void *arg, unsigned events)
{
	struct conn *c = arg;
	struct front *f = c->front;

	if (events & WATCH_WRITE) {
		c->is_blocked = false;
		conn_touch(c);
	}
	if (events & WATCH_READ)
		read_some(c);
	conn_turn(f);
}

static void
on_timer(void *arg)
{
	struct conn *c = arg;
	struct front *f = c->front;
	uint64_t now = clock_ms();

	c->timer_at = NEVER;
	if (c->is_dead)
		return;
	if (now >= c->stall || (c->is_lingering && now >= c->deadline)) {
		conn_abort(c, ERR_TIMEOUT);
	} else if (now >= c->deadline) {
		c->deadline = NEVER;
		c->ops->deadline(c->arg);
	}
	set_timer(c);
	conn_turn(f);
}

static void
settle(struct conn *c)
{
	struct fail why;

	if (!c->is_dead && c->has_input && !c->is_paused && !c->is_finishing) {
		c->has_input = false;
		tell_input(c);
	}
	if (!c->is_dead)
		flush(c);
	/* What has come was counted then; here it can only have gone. */
	(void)!count_input(c, &why);
	if (c->is_dead) {
		c->ops->closed(c->arg, c->err);
		conn_free(c);
	}
}

void
conn_turn(struct front *f)
{
	if (f->progress != NULL)
		f->progress->count++;
	gen_turn(f);
	while (!list_empty(&f->dirty)) {
		struct conn *c = LIST_ENTRY(f->dirty.next, struct conn, dirty);

		list_remove(&c->dirty);
		settle(c);
		gen_turn(f);
	}
	front_tidy(f);
	front_check_drained(f);
}

void
conn_drain_all(struct front *f)
{
	struct list *it, *next;

	LIST_EACH (it, next, &f->conns) {
		struct conn *c = LIST_ENTRY(it, struct conn, link);

		if (c->ops->drain != NULL && !c->is_dead)
			c->ops->drain(c->arg);
	}
}

bool
conn_any_output(const struct front *f)
{
	for (struct list *it = f->conns.next; it != &f->conns; it = it->next) {
		struct conn *c = LIST_ENTRY(it, struct conn, link);

		if (buf_len(&c->out) > 0 && !c->is_dead)
			return true;
	}
	return false;
}

void
conn_free_all(struct front *f)
{
	while (!list_empty(&f->conns)) {
		struct conn *c = LIST_ENTRY(f->conns.next, struct conn, link);

		c->ops->closed(c->arg, ERR_EOF);
		conn_free(c);
	}
}
