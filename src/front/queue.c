/*
 * Shares form a tree of two levels: a client's share of a queue, and under it
 * those of its connections. A share lives while anything waits or runs under
 * it, and stands in its parent's turn while anything waits. It counts what
 * runs, so that who runs least is found without looking at what runs; the
 * walk for it ends at the first that runs nothing, and there are no more
 * shares that run something than there are slots.
 *
 * A client that nothing is known of goes before those that had a turn: it is
 * not to wait for the flood's next one too. But then its share stays in the
 * turn until the others had theirs, even when nothing waits under it, or many
 * that ask for one thing after the other would be new each time, and starve
 * who has a backlog. (Flow queueing does the same, RFC 8290.)
 */
#include "front/queue.h"

#include <stdlib.h>

struct share {
	struct list link;    /* in the turn of parent, or of the queue */
	struct list owned;   /* in the party's shares */
	struct list waiting; /* struct waiter; of a client: struct share */
	const struct queue *queue;
	struct share *parent; /* NULL: it is a client's */
	uint32_t n_wait;
	uint32_t n_run;
	bool is_new; /* a client's: it had no turn yet */
};

void
party_init(struct party *p)
{
	list_init(&p->shares);
}

void
party_done(struct party *p)
{
	while (!list_empty(&p->shares))
		list_remove(p->shares.next);
}

void
queue_init(struct queue *q)
{
	*q = (struct queue){ 0 };
	list_init(&q->back);
	list_init(&q->clients);
}

uint32_t
queue_len(const struct queue *q)
{
	return q->n_back + q->n_new;
}

/* A party is in few queues at once: one per model that it uses. */
static struct share *
share_find(const struct party *p, const struct queue *q)
{
	for (struct list *it = p->shares.next; it != &p->shares;
	     it = it->next) {
		struct share *s = LIST_ENTRY(it, struct share, owned);

		if (s->queue == q)
			return s;
	}
	return NULL;
}

static struct share *
share_of(struct party *p, struct queue *q, struct share *parent)
{
	struct share *s = share_find(p, q);

	if (s != NULL)
		return s;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->queue = q;
	s->parent = parent;
	s->is_new = parent == NULL;
	list_init(&s->link);
	list_init(&s->waiting);
	list_append(&p->shares, &s->owned);
	return s;
}

/* Frees those up the tree that have nothing under them. */
static void
share_release(struct share *s)
{
	while (s != NULL && s->n_wait == 0 && s->n_run == 0 &&
	    list_empty(&s->link)) {
		struct share *parent = s->parent;

		list_remove(&s->owned);
		free(s);
		s = parent;
	}
}

/* Its turn begins at the end; a new client's behind the other new ones. */
static void
join_turn(struct queue *q, struct share *s)
{
	struct list *turn =
	    s->parent != NULL ? &s->parent->waiting : &q->clients;
	struct list *at = turn;

	if (s->is_new)
		for (at = turn->next; at != turn; at = at->next)
			if (!LIST_ENTRY(at, struct share, link)->is_new)
				break;
	list_append(at, &s->link); /* before it */
}

/* One more, or one less, waits under s. */
static void
count_wait(struct queue *q, struct share *s, uint32_t by)
{
	for (; s != NULL; s = s->parent) {
		s->n_wait += by;
		if (s->n_wait == 0 && (s->parent != NULL || s->is_new))
			list_remove(&s->link);
		else if (s->n_wait > 0 && list_empty(&s->link))
			join_turn(q, s);
	}
	q->n_new += by;
}

/* Those that only waited for the others to have their turn. */
static void
drop_idle(struct queue *q)
{
	while (!list_empty(&q->clients)) {
		struct share *s =
		    LIST_ENTRY(q->clients.next, struct share, link);

		if (s->n_wait > 0)
			break;
		list_remove(&s->link);
		share_release(s);
	}
}

void
queue_done(struct queue *q)
{
	drop_idle(q);
}

static void
count_run(struct share *s, uint32_t by)
{
	for (; s != NULL; s = s->parent)
		s->n_run += by;
}

int
queue_add(
    struct queue *q, struct waiter *w, struct party *client, struct party *conn)
{
	struct share *of_client = share_of(client, q, NULL);
	struct share *of_conn;

	if (of_client == NULL)
		return ERR_NOMEM;
	of_conn = share_of(conn, q, of_client);
	if (of_conn == NULL) {
		share_release(of_client);
		return ERR_NOMEM;
	}
	w->share = of_conn;
	w->state = WAITER_NEW;
	list_append(&of_conn->waiting, &w->link);
	count_wait(q, of_conn, 1);
	return 0;
}

/* Of those that stand in a turn: the first that runs least. */
static struct share *
least_running(const struct list *turn)
{
	struct share *best = NULL;

	for (struct list *it = turn->next; it != turn; it = it->next) {
		struct share *s = LIST_ENTRY(it, struct share, link);

		if (s->n_wait == 0)
			continue;
		if (best == NULL || s->n_run < best->n_run)
			best = s;
		if (best->n_run == 0)
			break;
	}
	return best;
}

struct waiter *
queue_next(const struct queue *q)
{
	struct share *s = least_running(&q->clients);

	if (s == NULL)
		return NULL;
	s = least_running(&s->waiting);
	return LIST_ENTRY(s->waiting.next, struct waiter, link);
}

struct waiter *
queue_any(const struct queue *q)
{
	return list_empty(&q->back)
	    ? queue_next(q)
	    : LIST_ENTRY(q->back.next, struct waiter, link);
}

/* It had its turn: behind the others. */
static void
rotate(struct queue *q, struct share *s)
{
	for (; s != NULL; s = s->parent) {
		s->is_new = false;
		list_remove(&s->link);
		list_append(
		    s->parent != NULL ? &s->parent->waiting : &q->clients,
		    &s->link);
	}
}

void
queue_take(struct queue *q, struct waiter *w)
{
	list_remove(&w->link);
	if (w->state == WAITER_NEW) {
		count_run(w->share, 1);
		rotate(q, w->share);
		count_wait(q, w->share, UINT32_MAX);
		drop_idle(q);
	} else {
		q->n_back--;
	}
	w->state = WAITER_IN_SLOT;
}

void
queue_put_back(struct queue *q, struct waiter *w, uint32_t rank)
{
	struct list *it = q->back.next;

	while (
	    it != &q->back && LIST_ENTRY(it, struct waiter, link)->rank > rank)
		it = it->next;
	w->state = WAITER_BACK;
	w->rank = rank;
	list_append(it, &w->link); /* before it */
	q->n_back++;
}

void
queue_leave(struct queue *q, struct waiter *w)
{
	struct share *s = w->share;

	if (w->state == WAITER_OUT)
		return;
	if (w->state != WAITER_IN_SLOT)
		list_remove(&w->link);
	if (w->state == WAITER_NEW)
		count_wait(q, s, UINT32_MAX);
	else
		count_run(s, UINT32_MAX);
	if (w->state == WAITER_BACK)
		q->n_back--;
	w->state = WAITER_OUT;
	w->share = NULL;
	share_release(s);
	drop_idle(q);
}

uint32_t
queue_waiting(const struct queue *q, const struct party *client)
{
	const struct share *s = share_find(client, q);

	return s == NULL ? 0 : s->n_wait;
}

static struct share *
most_waiting(const struct list *turn)
{
	struct share *most = NULL;

	for (struct list *it = turn->next; it != turn; it = it->next) {
		struct share *s = LIST_ENTRY(it, struct share, link);

		/* Of equals the one whose turn is the farthest. */
		if (most == NULL || s->n_wait >= most->n_wait)
			most = s;
	}
	return most;
}

struct waiter *
queue_victim(const struct queue *q, const struct party *client)
{
	struct share *s = most_waiting(&q->clients);

	if (s == NULL || s->n_wait <= queue_waiting(q, client) + 1)
		return NULL;
	s = most_waiting(&s->waiting);
	return LIST_ENTRY(s->waiting.prev, struct waiter, link);
}
