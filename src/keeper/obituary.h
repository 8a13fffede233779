/*
 * obituary - what is kept of a death that nobody had asked for.
 *
 * The keeper touches no disk and reads nothing that a dead child wrote: it
 * packs what it knows itself, and bulkhead-autopsy, a process with little
 * power and a deadline, does the rest. One at a time; a few may wait, more are
 * let go with a line in the log.
 */
#ifndef KEEPER_OBITUARY_H
#define KEEPER_OBITUARY_H

#include "base/loop.h"
#include "conf/conf.h"
#include "wire/msg.h"
#include "wire/obituary.h"

#include <sys/types.h>

/* "20261122-140233-1a2b" */
#define CRASH_ID_SIZE 24

/* Its name: when (UTC), so that names sort by time, and the low bits of the
 * pid, which no two that die in one second share. Returns ret. */
const char *obituary_id(uint64_t unix_s, pid_t pid, char ret[CRASH_ID_SIZE]);

struct obituaries;

/* exe: bulkhead-autopsy, or "" if there is none; env: all of its environment;
 * envp: the keeper's, for where they go. exe, env and conf must outlive it.
 * NULL if out of memory. */
struct obituaries *obituaries_new(struct loop *l, const struct conf *conf,
    const char *exe, char *const *env, char *const envp[]);

/* Lets those that wait be written, for a while. NULL is allowed. */
void obituaries_free(struct obituaries *o);

/* Takes over words, the page of the dead (or -1). what is packed here; dir and
 * the limits are filled in. has_suspects: the front will say whose work it
 * was; that is waited for, shortly. */
void obituaries_add(
    struct obituaries *o, struct obituary *what, int words, bool has_suspects);

/* Whether that is the process that writes one. */
bool obituaries_own(const struct obituaries *o, pid_t pid);

/* MODEL_SUSPECTS: before or after the death that it is about. */
void obituaries_suspects(struct obituaries *o, const struct model_suspects *s);

#endif
