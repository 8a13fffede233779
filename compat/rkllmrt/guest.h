/*
 * guest - the engine in a process that is somebody else's.
 */
#ifndef RKLLMRT_GUEST_H
#define RKLLMRT_GUEST_H

#include "base/err.h"

/* Whether the engine's libraries are there: 0, or what the loader of this
 * library found wrong. */
int guest_check(struct fail *why) MUST_CHECK;

#endif
