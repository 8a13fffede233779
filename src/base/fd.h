/*
 * fd - descriptors.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Makes descriptors 0 to 2 somebody's, where they are closed: /dev/null's.
 * Else a socket would get one of these numbers, and the text that is meant for
 * it. For the start of a program. */
void fd_fill_standard(void);

/* Writes all of it, as far as it can be written: false when an error came
 * first. */
bool fd_put(int fd, const void *p, size_t n);

/* One sendmsg(2) that never waits, of n bytes, which are at least one; fd goes
 * with the first of them, unless it is -1. As sendmsg returns. */
ssize_t fd_send(int sock, const void *p, size_t n, int fd);

/* What a file holds from its beginning on, up to n bytes; how many that are,
 * fewer also where an error came first. Its offset stays. Async-signal-safe. */
size_t fd_get(int fd, void *p, size_t n);

/* The same from there on. */
size_t fd_get_at(int fd, void *p, size_t n, uint64_t from);

/* Opens a file to be read, close-on-exec; flags (0, O_NOFOLLOW) go along. A
 * FIFO is refused, because open(2) and read(2) would wait for its other end. The
 * descriptor, which is the caller's; or -1, and *ret_why says why. */
int fd_open_file(int dir, const char *path, int flags, const char **ret_why);

#endif
