/*
 * exe - where the running executable is.
 */
#ifndef BASE_EXE_H
#define BASE_EXE_H

#include "base/err.h"

#include <limits.h>

/* Its absolute path, by the first of these that knows: /proc/self/exe; argv0,
 * where that has a slash in it; argv0 in the folders of the PATH of envp;
 * "bulkhead" where it was to be installed. argv0 and envp may be NULL. 0, or
 * ERR_NOT_FOUND. */
int exe_find(const char *argv0, char *const envp[], char ret[PATH_MAX])
    MUST_CHECK;

#endif
