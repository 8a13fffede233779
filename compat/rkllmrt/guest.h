/*
 * guest - the engine in a process that is somebody else's.
 */
#ifndef RKLLMRT_GUEST_H
#define RKLLMRT_GUEST_H

#include "base/err.h"

#include <stdbool.h>

/* Whether the engine's libraries are there: 0, or what the loader of this
 * library found wrong. */
int guest_check(struct fail *why) MUST_CHECK;

/* What is between true and false is done by one thread at a time: loading,
 * freeing, rendering of templates. Some of what they touch is the process's. */
void guest_alone(bool is_beginning);

/* Opens a GGUF file that the program names; field is what its path is called.
 * The caller closes *ret. 0, ERR_INVALID or ERR_FILE with *why. */
int guest_open(const char *path, const char *field, int *ret, struct fail *why)
    MUST_CHECK;

/* The descriptor that a path names, as a program in a jail has them; or -1. */
int guest_descriptor(const char *path);

#endif
