/*
 * allow - which users and groups may come to Unix sockets (--socket-allow).
 * Root and the server's own user always may.
 */
#ifndef KEEPER_ALLOW_H
#define KEEPER_ALLOW_H

#include "conf/conf.h"

struct allow;

/* Names become numbers here: "alice", "1000", "@staff", "@50"; commas between.
 * 0; ERR_INVALID, ERR_NOMEM with a line in f. */
int allow_new(const struct strings *given, struct allow **ret, struct fail *f)
    MUST_CHECK;

/* NULL is allowed. */
void allow_free(struct allow *a);

/* Whether it says anything; if not, the sockets' mode alone decides. */
bool allow_is_set(const struct allow *a);

/* Whether the one who has connected may, with his groups of then. */
bool allow_fd(const struct allow *a, int fd);

#endif
