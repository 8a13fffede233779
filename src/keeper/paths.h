/*
 * paths - where the program's own files are, seen from its executable: the
 * same in a build folder and where it is installed.
 */
#ifndef KEEPER_PATHS_H
#define KEEPER_PATHS_H

#include "base/err.h"

#include <limits.h>

struct paths {
	char front[PATH_MAX];
	char worker[PATH_MAX];
	char autopsy[PATH_MAX]; /* "" if it is not there */
	char probe[PATH_MAX];	/* likewise */
	char demo[PATH_MAX];	/* the demo model; "" if there is none */
	/* A variable for the children; "": not needed. Without /proc the
	 * dynamic linker does not know where $ORIGIN is. */
	char origin[PATH_MAX + sizeof("LD_ORIGIN_PATH=")];
};

/* libexec: the folder of the two executables; NULL: that of our own, which
 * argv0 and envp (NULL: none) help to find. 0, or ERR_FILE with the one that is
 * missing in f. */
int paths_find(const char *libexec, const char *argv0, char *const envp[],
    struct paths *ret, struct fail *f) MUST_CHECK;

#endif
