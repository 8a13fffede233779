/*
 * jail - how a process gives up power, in named stages.
 *
 * Stage 1, in the fresh fork, before exec: what can be done without knowing
 * the program. Its own session (a terminal's Ctrl-C is the keeper's matter),
 * death with its parent, no new privileges, limits, a tight umask, default
 * signals, and no descriptor but the named ones.
 *
 * Later stages belong to the program itself, after it has opened what it
 * needs: stage 2 namespaces and Landlock (no paths, no network), stage 3 the
 * filter of system calls. They are not built yet.
 */
#ifndef JAIL_JAIL_H
#define JAIL_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define JAIL_FDS_MAX 8

struct jail {
	pid_t parent;	       /* with whom the process is to die */
	int fds[JAIL_FDS_MAX]; /* what becomes descriptor 0, 1, 2 ... */
	size_t n_fds;
	bool core; /* a crash may leave a core file */
};

/* Stage 1. Only for the child of a fork(2): everything in it is
 * async-signal-safe. *keep, a descriptor beside the named ones, is moved to
 * n_fds and closed by exec; -1 if there is none. Returns NULL, or the name of
 * the step that failed, with errno. */
const char *jail_enter(const struct jail *j, int *keep);

/* Raises this process's limit of descriptors, which children inherit, as far
 * as it may go. Returns the limit. */
size_t jail_raise_descriptors(void);

#endif
