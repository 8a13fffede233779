/*
 * refuse - the last word to a connection that is not served.
 *
 * A close with unread input resets the connection, and its client may never
 * see why. So our side is shut and what the client still sends is dropped,
 * for a short while, up to a size, and for a limited number at once: past
 * that the oldest is closed.
 */
#ifndef FRONT_REFUSE_H
#define FRONT_REFUSE_H

#include "base/buf.h"
#include "base/list.h"

struct front;
struct timer;

#define REFUSALS_MAX 64u

struct refusals {
	struct list all; /* struct refusal, oldest first */
	uint32_t n;
	struct timer *timer; /* of the oldest; NULL: never needed */
};

void refuse_init(struct refusals *r);

/* Sends text, as far as the socket takes it, and closes fd in a while. */
void refuse_fd(struct front *f, int fd, struct str text);

/* The same at once, where there is no descriptor to spare. */
void refuse_now(int fd, struct str text);

void refuse_done(struct refusals *r);

#endif
