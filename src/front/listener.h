/*
 * listener - a listening socket that the keeper owns and lent to us.
 */
#ifndef FRONT_LISTENER_H
#define FRONT_LISTENER_H

#include "base/list.h"
#include "wire/msg.h"

struct front;

struct listener {
	struct list link;
	struct front *front;
	struct watch *watch;
	struct timer *pause; /* until it is tried again */
	int fd;
	uint32_t number;
	uint8_t kind; /* enum listen_kind */
	bool is_unix;
	bool is_tls;
	bool is_by_keeper; /* who accepts */
	char *label;
};

/* Takes over fd. Connections wait until listener_open_all(). 0 or ERR_NOMEM. */
int listener_add(struct front *f, const struct front_listen *l, int fd)
    MUST_CHECK;

/* Begins to accept, now that the front knows all that it must to answer. */
void listener_open_all(struct front *f);

/* Somebody whom the keeper has accepted there. Takes over fd. */
void listener_take(struct front *f, const struct front_client *c, int fd);

/* Closes ours; the keeper's stay open. */
void listener_free_all(struct front *f);

/* The protocols' doors. They own fd; 0 or an error after closing it. uid: as
 * of client_of_fd(). */
int http_accept(struct front *f, int fd, uint32_t uid) MUST_CHECK;
int rpc_accept(struct front *f, int fd, uint32_t uid) MUST_CHECK;

/* The same for HTTP over TLS. */
int http_accept_tls(struct front *f, int fd, uint32_t uid) MUST_CHECK;

/* What is said to a client over the limit before it is closed. */
struct str http_refusal(void);
struct str rpc_refusal(void);

#endif
