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
	char demo[PATH_MAX]; /* the demo model; "" if there is none */
};

/* libexec: the folder of the two executables; NULL: that of our own. 0, or
 * ERR_FILE with the one that is missing in f. */
int paths_find(const char *libexec, struct paths *ret, struct fail *f)
    MUST_CHECK;

#endif
