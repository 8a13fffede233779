/*
 * jail - how a process gives up power, in named stages.
 *
 * Stage 1, in the fresh fork, before exec: what can be done without knowing
 * the program. Its own session (a terminal's Ctrl-C is the keeper's matter),
 * death with its parent, no new privileges, a tight umask, default signals, no
 * descriptor but the named ones; namespaces; few capabilities.
 *
 * Stage 2 is the program's own, once it has opened all that it needs (loaded
 * its libraries, found its devices) and before it reads the first byte that
 * anybody else has written: no files, another user, no capabilities, Landlock,
 * and last the filter of system calls. Threads that it makes are in it too.
 *
 * What the machine does not allow is left out and reported (report.h); with
 * JAIL_REQUIRE the keeper does not serve without.
 */
#ifndef JAIL_JAIL_H
#define JAIL_JAIL_H

#include "jail/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define JAIL_FDS_MAX 8

enum jail_mode {
	JAIL_OFF,     /* only what is no jail but good manners */
	JAIL_AUTO,    /* whatever the machine allows */
	JAIL_REQUIRE, /* all of it */
};

enum jail_kind {
	JAIL_FRONT,
	JAIL_WORKER,
	JAIL_DEVICE,  /* a worker with a GPU */
	JAIL_NPU,     /* one with Rockchip's NPU, whose library opens the
		       * model and its devices itself, and late */
	JAIL_AUTOPSY, /* bulkhead-autopsy, which goes on opening files */
	JAIL_PROBE,   /* bulkhead-probe, which opens nothing */
	JAIL_NKINDS
};

struct jail {
	pid_t parent;	       /* with whom the process is to die */
	int fds[JAIL_FDS_MAX]; /* what becomes descriptor 0, 1, 2 ... */
	size_t n_fds;
	bool core; /* a crash may leave a core file */
	enum jail_mode mode;
};

/* What a process may go on opening. */
struct jail_files {
	const char *const *read; /* folders, where files may be read; one that
				  * is not there is passed over */
	size_t n_read;
	int write; /* a folder that is open, for its own files; -1: none */
	const int *again; /* files that are open, which may be opened anew,
			   * to read, by whatever path leads to them */
	size_t n_again;
};

/* Stage 1. Only for the child of a fork(2): everything in it is
 * async-signal-safe. *keep, a descriptor beside the named ones, is moved to
 * n_fds and closed by exec; -1 if there is none. Returns NULL, or the name of
 * the step that failed, with errno; *report says what was not allowed. */
const char *jail_enter(
    const struct jail *j, int *keep, struct jail_report *report);

/* Stage 2, in the program that stage 1 has started; what is said of it is
 * added to *report. Whoever calls it in JAIL_REQUIRE must look whether it is
 * whole. Nothing is done in JAIL_OFF. files: for JAIL_AUTOPSY and JAIL_NPU; else
 * NULL. */
void jail_lock(enum jail_kind kind, enum jail_mode mode,
    const struct jail_files *files, struct jail_report *report);

/* Tries both stages in a process that ends at once. False, with errno, if even
 * that could not be made. */
bool jail_try(enum jail_kind kind, bool core, struct jail_report *report);

/* Raises this process's limit of descriptors, which children inherit, as far
 * as it may go. Returns the limit. */
size_t jail_raise_descriptors(void);

#endif
