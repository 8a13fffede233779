/*
 * folder - a folder that is ours, where nobody else may put or take away.
 */
#ifndef BASE_FOLDER_H
#define BASE_FOLDER_H

#include "base/err.h"

/* Opens it, close-on-exec; first makes it, for its user alone, and what is
 * missing above it. 0 and *ret, which is the caller's; ERR_FILE with path, step
 * and reason in f when that fails, or when it is somebody else's or everybody
 * may write there: in /tmp anybody may have been there first. */
int folder_open(const char *path, int *ret, struct fail *f) MUST_CHECK;

#endif
