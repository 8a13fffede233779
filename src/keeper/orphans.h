/*
 * orphans - who loses its parent in a container without an init becomes a child
 * of the keeper, which is process 1 there. Somebody has to bury them, or the
 * dead fill the table of processes.
 *
 * Those that we have started are not touched: how they died is for who watches
 * them, by their pid (reap.h). And where the keeper is not process 1 nobody is
 * buried here at all: other children are of the program that embeds us.
 */
#ifndef KEEPER_ORPHANS_H
#define KEEPER_ORPHANS_H

#include "base/err.h"
#include "base/loop.h"

#include <stdbool.h>
#include <sys/types.h>

struct orphans;

/* is_ours: whether a pid is of a process that somebody here watches. 0, with
 * *ret NULL where we are not process 1; ERR_NOMEM. */
int orphans_new(struct loop *l, bool (*is_ours)(void *arg, pid_t pid),
    void *arg, struct orphans **ret) MUST_CHECK;

/* NULL is allowed. Once the loop has stopped. */
void orphans_free(struct orphans *o);

#endif
