/*
 * unixsock - a listening Unix socket that fights with nobody.
 *
 * A lock file beside the path is held for life, so of any number of instances
 * one goes on. What lies at the path is probed by connecting: a live server is
 * refused with its pid, a stale socket is replaced by binding to a temporary
 * name and renaming. At the end the path is removed only if it is still ours.
 */
#ifndef KEEPER_UNIXSOCK_H
#define KEEPER_UNIXSOCK_H

#include "base/err.h"

#include <sys/types.h>

struct unixsock {
	int fd; /* listening, non-blocking, close-on-exec; -1: closed */
	int lock;
	char *path;
	char *lock_path;
	dev_t dev; /* of the path, when we made it */
	ino_t ino;
};

#define UNIXSOCK_ANY_GROUP ((gid_t)-1)

/* option names what the user sets it by, for messages. 0; ERR_BUSY when
 * somebody serves there; ERR_FILE, ERR_NOMEM. */
int unixsock_open(const char *path, const char *option, mode_t mode,
    gid_t group, struct unixsock *ret, struct fail *f) MUST_CHECK;

void unixsock_close(struct unixsock *u);

#endif
