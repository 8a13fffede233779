/*
 * tls - TLS 1.2 and 1.3 under a connection, by OpenSSL.
 *
 * The keeper opens the two files and passes them on; the certificates and the
 * key are in this process's memory only. New files replace them for
 * connections that begin afterwards; those that are there go on with theirs.
 *
 * A struct tls reads and writes its socket itself, without blocking: what
 * recv(2) and send(2) are to a plain connection.
 */
#ifndef FRONT_TLS_H
#define FRONT_TLS_H

#include "base/err.h"
#include "wire/msg.h"

#include <stdbool.h>
#include <sys/types.h>

struct conn;
struct front;
struct tls;
struct tls_files;

/* Before the jail is shut: OpenSSL looks around once. 0 or ERR_NOMEM. */
int tls_prepare(struct front *f) MUST_CHECK;
void tls_done(struct front *f);

/* FRONT_TLS: takes over fd. With the second file of a turn both are tried, and
 * the keeper hears what came of it. 0 or ERR_PROTO. */
int tls_on_file(struct front *f, const struct front_tls *m, int fd) MUST_CHECK;

/* The server's side of one connection; fd stays the caller's. NULL: out of
 * memory, or there is no certificate. */
struct tls *tls_new(struct front *f, int fd);
void tls_free(struct tls *t); /* NULL is allowed */

/* Of conn.c: it is to be TLS from its first byte on. 0, or ERR_NOMEM: abort
 * it. */
int conn_start_tls(struct conn *c) MUST_CHECK;

/* As recv(2) and send(2): bytes; 0 at the peer's end; -1 and EAGAIN, ECONNRESET
 * or, when it is no TLS or broken, EPROTO. */
ssize_t tls_read(struct tls *t, void *p, size_t n);
ssize_t tls_write(struct tls *t, const void *p, size_t n);

/* Whether it waits for the socket to take bytes, whatever it was asked for. */
bool tls_wants_write(const struct tls *t);

/* Whether the handshake is not over. */
bool tls_is_shaking(const struct tls *t);

/* Whether the peer has begun to speak HTTP instead. */
bool tls_saw_http(const struct tls *t);

/* Says that nothing more will be said. */
void tls_shut(struct tls *t);

#endif
