/*
 * conn - one client's connection: bytes in, bytes out, and the clock.
 *
 * A protocol (http/, rpc/) sits on top with a struct conn_ops. Input gathers in
 * conn_in() until the protocol consumes it; output is appended to conn_out()
 * and sent once per turn of the loop, however many tokens came in it. Unread
 * output past a mark tells the protocol to park its work; output that stays
 * unread for stall_ms ends the connection.
 */
#ifndef FRONT_CONN_H
#define FRONT_CONN_H

#include "base/buf.h"
#include "base/list.h"
#include "base/loop.h"
#include "front/peer.h"

struct array;
struct client;
struct conn;
struct front;
struct journal_conn;
struct party;

struct conn_ops {
	/* New bytes are in conn_in(). Consume what can be used. */
	void (*input)(void *arg);
	/* The peer will send no more (it may still read). Called once. */
	void (*eof)(void *arg);
	/* The client reads too slowly (true), or caught up (false). */
	void (*slow)(void *arg, bool is_slow);
	/* The deadline set by conn_deadline() passed. */
	void (*deadline)(void *arg);
	/* Gone: reset, stalled or closed. Last call; free what is yours, the
	 * conn frees itself after it. err: ERR_EOF, ERR_IO, ERR_TIMEOUT. */
	void (*closed)(void *arg, int err);
	/* The server is stopping: conn_finish() if nothing runs here, else
	 * when it is done. May be NULL. */
	void (*drain)(void *arg);
	/* Bytes of unfinished input that are held outside conn_in(). May be
	 * NULL: none. */
	size_t (*held)(void *arg);
	/* There is no room for what is unfinished (front/intake.h): *why.
	 * Drop it. Called right behind input(). */
	void (*full)(void *arg, const struct fail *why);
};

/* Takes over fd. uid: as of client_of_fd(). NULL if out of memory (fd is
 * closed). */
struct conn *conn_new(struct front *f, int fd, uint32_t uid,
    const struct conn_ops *ops, void *arg);

struct front *conn_front(const struct conn *c);

/* Who asks now (asker.h), and itself, for queues. */
struct client *conn_client(const struct conn *c);
struct party *conn_party(struct conn *c);

struct buf *conn_in(struct conn *c);

/* Where to append; then call conn_touch() so that it is sent this turn. */
struct buf *conn_out(struct conn *c);
void conn_touch(struct conn *c);

/* From now on there may be more of it: what a worker has under way in bulk. */
void conn_widen(struct conn *c);

/* Goes with the next byte that is appended; is taken over. */
void conn_put_array(struct conn *c, struct array *a);

/* Its counts in the journal, from now on until it is gone. NULL: no room. */
struct journal_conn *conn_counts(struct conn *c);

/* Stops or resumes reading: a protocol that is busy takes no more input than
 * what is buffered. Resuming calls input() if bytes are there, not at once but
 * in this turn of the loop. */
void conn_pause(struct conn *c, bool is_paused);

/* input() has left what it could use: it is called again in this turn, once
 * what was said is sent as far as that goes. */
void conn_input_later(struct conn *c);

/* Who it is, for a person. */
void conn_peer(const struct conn *c, char ret[PEER_SIZE]);

/* The client's output is past the mark. */
bool conn_is_slow(const struct conn *c);

/* The peer has sent all it will. */
bool conn_is_eof(const struct conn *c);

/* One deadline per connection; 0 clears it. While output waits, the stall
 * limit is watched as well. */
void conn_deadline(struct conn *c, uint64_t ms);

/* Sends what is buffered, then closes (closed() is called then). */
void conn_finish(struct conn *c);

/* Ends it now, unsent output is lost; closed() is called in this turn, never
 * from inside this call. Harmless when it is already closing. */
void conn_abort(struct conn *c, int err);

/* Gives empty buffers back, while there is nothing to do. */
void conn_rest(struct conn *c);

/* Sends the output of every touched connection, runs pending input() calls and
 * frees what has closed. Called at the end of each event. */
void conn_turn(struct front *f);

/* Tells every connection that the server is stopping. */
void conn_drain_all(struct front *f);

/* Ends every connection and frees it, for the end of the process. */
void conn_free_all(struct front *f);

/* Whether any client still has bytes to read. */
bool conn_any_output(const struct front *f);

#endif
