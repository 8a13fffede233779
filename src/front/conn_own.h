/*
 * conn_own - what a connection is made of. Private to conn.c, its life and its
 * clock, and connio.c, which moves its bytes.
 */
#ifndef FRONT_CONN_OWN_H
#define FRONT_CONN_OWN_H

#include "front/asker.h"
#include "front/client.h"
#include "front/conn.h"

struct tls;
struct watch;

#define READ_SIZE 65536u /* room for one read */
#define NEVER UINT64_MAX

struct conn {
	struct list link;  /* in front->conns */
	struct list dirty; /* in front->dirty, or alone */
	struct front *front;
	struct client *client;
	struct asker asker;
	struct party party;
	struct watch *watch;
	struct tls *tls; /* NULL: it is plain */
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

/* Asks the loop for what the connection waits for. */
void conn_want(struct conn *c);

/* Sets the timer for what is due first. */
void conn_set_timer(struct conn *c);

/* Sends what the socket takes; closes when all is out, if that is asked. */
void conn_flush(struct conn *c);

/* Reads what is there, within a turn's share. */
void conn_read(struct conn *c);

/* Gives the protocol what input there is. */
void conn_tell_input(struct conn *c);

/* Counts what of its input is held now: 0, or ERR_BUSY and *why. */
int conn_count_input(struct conn *c, struct fail *why);

#endif
