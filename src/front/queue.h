/*
 * queue - who gets the next free slot of a model.
 *
 * First those that had one and lost it with their worker. Then the new ones,
 * fair between clients: next is the client with the fewest in slots, and among
 * equals one that is new, else the one whose turn was longest ago. Within a client the
 * same rule holds between its connections, and within a connection they go in
 * order. So all slots are one client's as long as it is alone, and as soon as
 * another waits, that one has the next slot.
 *
 * What waits embeds a struct waiter; who waits embeds a struct party. Nothing
 * here knows what either is.
 */
#ifndef FRONT_QUEUE_H
#define FRONT_QUEUE_H

#include "base/err.h"
#include "base/list.h"

#include <stdint.h>

struct share;

struct queue {
	struct list back;    /* struct waiter that had a slot; by rank */
	struct list clients; /* struct share that have some waiting; in turn */
	uint32_t n_back;
	uint32_t n_new; /* that never had a slot */
};

enum waiter_state {
	WAITER_OUT, /* in no queue */
	WAITER_NEW,
	WAITER_IN_SLOT,
	WAITER_BACK,
};

struct waiter {
	struct list link;
	struct share *share; /* of its connection; NULL when out */
	enum waiter_state state;
	uint32_t rank; /* when back: the higher goes first */
};

/* A client or a connection: its shares of all queues. */
struct party {
	struct list shares;
};

void party_init(struct party *p);

/* It is going. What still waits or runs for it keeps its place. */
void party_done(struct party *p);

void queue_init(struct queue *q);

/* All have left it. */
void queue_done(struct queue *q);

/* All that wait. */
uint32_t queue_len(const struct queue *q);

/* A new one waits. conn is one of client's. 0 or ERR_NOMEM. */
int queue_add(struct queue *q, struct waiter *w, struct party *client,
    struct party *conn) MUST_CHECK;

/* The new one that is next; NULL: there is none. */
struct waiter *queue_next(const struct queue *q);

/* Any that waits, first those that had a slot; NULL: none does. */
struct waiter *queue_any(const struct queue *q);

/* A waiting one has got a slot. */
void queue_take(struct queue *q, struct waiter *w);

/* One in a slot lost it: it waits before all of a lower rank, and behind none
 * of its own. */
void queue_put_back(struct queue *q, struct waiter *w, uint32_t rank);

/* It is over, wherever it is. Harmless when it is out. */
void queue_leave(struct queue *q, struct waiter *w);

/* New ones that client has waiting here. */
uint32_t queue_waiting(const struct queue *q, const struct party *client);

/* Whom a full queue can do without, for one more of client: the last of who
 * has most waiting. NULL if nobody would have more than client then. */
struct waiter *queue_victim(const struct queue *q, const struct party *client);

#endif
