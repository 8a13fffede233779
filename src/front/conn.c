/*
 * Nothing here calls a protocol from inside a protocol's call: what has to be
 * told later (input while paused, the end) marks the connection dirty, and
 * conn_turn(), which ends every event, tells it.
 *
 * One timer serves the protocol's deadline and the stall limit. It is set to
 * the earlier of the two and, when it fires early because one has moved, is
 * just set again: moving a deadline for every token must cost nothing.
 */
#include "front/conn_own.h"

#include "base/clock.h"
#include "front/array.h"
#include "front/front.h"
#include "front/gen.h"
#include "front/intake.h"
#include "front/tls.h"
#include "wire/progress.h"

#include <stdlib.h>
#include <unistd.h>

#define OUT_FACTOR 64u	     /* hard ceiling of output: times the mark ... */
#define OUT_WIDE (16u << 20) /* ... and this, once it is widened */
#define HANDSHAKE_MS 10000u  /* of TLS, from the first byte to the last */

static void on_watch(void *arg, unsigned events);
static void on_timer(void *arg);

void
conn_want(struct conn *c)
{
	unsigned events = 0;

	if (!c->is_paused && !c->is_eof)
		events |= WATCH_READ;
	if (c->is_blocked || (c->tls != NULL && tls_wants_write(c->tls)))
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

int
conn_start_tls(struct conn *c)
{
	c->tls = tls_new(c->front, c->fd);
	if (c->tls == NULL)
		return ERR_NOMEM;
	c->stall = clock_ms() + HANDSHAKE_MS;
	conn_set_timer(c);
	return 0;
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
	tls_free(c->tls);
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
	return c->asker.client != NULL ? c->asker.client : c->client;
}

void
conn_set_asker(struct conn *c, const struct asker *asker)
{
	c->asker = asker != NULL ? *asker : (struct asker){ .client = NULL };
}

const struct asker *
conn_asker(const struct conn *c)
{
	return &c->asker;
}

uint64_t
conn_made(const struct conn *c)
{
	return c->n_sent + buf_len(&c->out);
}

uint64_t
conn_sent(const struct conn *c)
{
	return c->n_sent;
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
	a->at = conn_made(c);
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
		journal_count(&c->counts->made, conn_made(c));
		journal_count(&c->counts->intent, c->n_sent);
		journal_count(&c->counts->sent, c->n_sent);
	}
	return c->counts;
}

void
conn_touch(struct conn *c)
{
	if (c->counts != NULL)
		journal_count(&c->counts->made, conn_made(c));
	if (list_empty(&c->dirty))
		list_append(&c->front->dirty, &c->dirty);
}

void
conn_pause(struct conn *c, bool is_paused)
{
	if (c->is_paused == is_paused || c->is_dead || c->is_lingering)
		return;
	c->is_paused = is_paused;
	conn_want(c);
	if (!is_paused && buf_len(&c->in) > 0)
		conn_input_later(c);
}

void
conn_input_later(struct conn *c)
{
	c->has_input = true;
	conn_touch(c);
}

void
conn_set_timer(struct conn *c)
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
	conn_set_timer(c);
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
	/* One that had no memory for its first byte is empty too, and conn_flush()
	 * has to see why. */
	if (buf_len(&c->out) == 0 && buf_err(&c->out) == 0)
		buf_trim(&c->out);
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
	/* Whichever TLS waited for, it may be reading that can go on. */
	if ((events & WATCH_READ) || c->tls != NULL)
		conn_read(c);
	if (c->tls != NULL)
		conn_touch(c);
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
	conn_set_timer(c);
	conn_turn(f);
}

static void
settle(struct conn *c)
{
	struct fail why;

	if (!c->is_dead && c->has_input && !c->is_paused && !c->is_finishing) {
		c->has_input = false;
		conn_tell_input(c);
	}
	if (!c->is_dead)
		conn_flush(c);
	/* What has come was counted then; here it can only have gone. */
	(void)!conn_count_input(c, &why);
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
