/*
 * chan - one end of a framed channel between two processes.
 *
 * A frame is a header of 16 bytes (payload length, message, descriptor count)
 * and its payload. The table in msg.h decides what may come: a wrong sender,
 * an unknown message, a payload over its ceiling or too many descriptors end
 * the channel with ERR_PROTO. Never blocks; works in a loop or under poll(2).
 */
#ifndef WIRE_CHAN_H
#define WIRE_CHAN_H

#include "wire/msg.h"

struct chan;

/* A received frame. payload is aligned to 8 bytes and stays until the next
 * chan_recv(). Descriptors in it belong to the receiver, who closes them. */
struct frame {
	enum msg msg;
	const uint8_t *payload;
	uint32_t n;
	int fds[MSG_MAX_FDS];
	uint8_t n_fds;
};

/* A connected pair of non-blocking, close-on-exec Unix sockets. 0 or ERR_IO. */
int chan_pair(int ret_fds[2]) MUST_CHECK;

/* Takes over fd, also when it fails: NULL if out of memory. self sends, peer
 * is who must be at the other end. out_max: bytes that may wait to be sent. */
struct chan *chan_new(int fd, enum proc self, enum proc peer, size_t out_max);

/* NULL is allowed. Closes the descriptor and any that were not delivered. */
void chan_free(struct chan *c);

int chan_fd(const struct chan *c);

/* Queues a message, st being the struct of its layout, and sends what the
 * socket takes. fd (or -1) rides along and is duplicated, not taken.
 * 0; ERR_TOO_BIG when out_max or the message's ceiling would be passed;
 * ERR_EOF or ERR_IO when the channel is gone; ERR_PROTO if self may not. */
int chan_send(struct chan *c, enum msg m, const void *st, int fd) MUST_CHECK;

/* The same for a payload that is already packed. */
int chan_send_packed(
    struct chan *c, enum msg m, const void *p, size_t n, int fd) MUST_CHECK;

/* Sends what waits. 0, also when some still waits; ERR_EOF or ERR_IO, which
 * may be ignored: chan_recv() gives what came whole and then the same. */
int chan_flush(struct chan *c);

/* Nothing more is sent: the peer's chan_recv() ends. What it sends comes still. */
void chan_hang_up(struct chan *c);

/* Bytes that wait to be sent: while not 0, watch for writability. */
size_t chan_waiting(const struct chan *c);

/* Takes the next frame. 0; ERR_AGAIN: none is whole yet; ERR_EOF: the peer is
 * gone and everything it sent whole was taken; ERR_IO; ERR_PROTO. */
int chan_recv(struct chan *c, struct frame *ret) MUST_CHECK;

/* Unpacks a frame into the struct of its layout. 0 or ERR_PROTO. */
int frame_unpack(const struct frame *f, void *ret) MUST_CHECK;

/* Closes the frame's descriptors that nobody took (set to -1 when taken). */
void frame_close(struct frame *f);

#endif
