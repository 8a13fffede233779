/*
 * listen - every socket that Bulkhead listens on. They are the keeper's, so
 * that none closes when the front dies.
 */
#ifndef KEEPER_LISTEN_H
#define KEEPER_LISTEN_H

#include "conf/conf.h"
#include "keeper/unixsock.h"
#include "wire/msg.h"

#define LISTENERS_MAX 4u

struct listener {
	enum listen_kind kind;
	bool is_unix;
	char label[160]; /* "http://127.0.0.1:8080", or the path */
	int fd;
	struct unixsock sock; /* is_unix: owns fd */
};

struct listeners {
	struct listener v[LISTENERS_MAX];
	size_t n;
	bool is_tls; /* HTTP over TCP is */
};

/* Opens what conf names: first the Unix sockets, in one order, so that of many
 * instances with the same settings exactly one gets all. 0, or an ERR_* with
 * one line in f, and nothing is open. */
int listen_all(const struct conf *conf, struct listeners *ret, struct fail *f)
    MUST_CHECK;

/* Closes them and removes the files of Unix sockets. May be called again. */
void listen_close(struct listeners *l);

#endif
