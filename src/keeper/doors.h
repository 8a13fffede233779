/*
 * doors - Unix sockets at which the keeper accepts for a front that cannot see
 * who comes.
 *
 * A keeper that is not root has its front in a user namespace, where no user
 * has a number but the keeper's own: the kernel calls all others 65534, and
 * their quotas would be one. So there the keeper takes them in, asks the kernel
 * whose they are, and passes the connection on with the answer. It reads
 * nothing of it. A few may be on their way at once; the rest wait in the
 * socket's queue, as they do when there is no front.
 */
#ifndef KEEPER_DOORS_H
#define KEEPER_DOORS_H

#include "base/loop.h"
#include "keeper/entry.h"
#include "keeper/listen.h"
#include "keeper/process.h"

struct doors;

/* The listeners and who may come must outlive it. NULL if out of memory. */
struct doors *doors_new(struct loop *l, const struct listeners *listeners,
    const struct entry *entry);

/* NULL is allowed. */
void doors_free(struct doors *d);

/* Whether this front needs it: so does one where not everybody may come. */
bool doors_are_wanted(const struct doors *d, const struct process *front);

/* For the front that is ready now, until doors_close(). */
void doors_open(struct doors *d, struct process *front);
void doors_close(struct doors *d);

/* FRONT_TOOK: the front has one less on its way. 0, or ERR_PROTO: it had none. */
int doors_took(struct doors *d) MUST_CHECK;

#endif
