/*
 * net - a connection to a server under test.
 */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <stddef.h>

/* Connects, waiting as long as it takes. to: HOST:PORT with an IPv4 address,
 * or the path of a Unix socket, which has a slash. A blocking descriptor,
 * with TCP_NODELAY on TCP; -1 with errno. */
int net_connect(const char *to);

/* Writes all of it to a blocking descriptor; 0, or -1 with errno. */
int net_send(int fd, const void *p, size_t n);

#endif
