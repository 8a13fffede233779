/*
 * version - which librkllmrt a file is.
 *
 * No function of the library tells, and a call with another version's structs
 * corrupts memory. But the file holds a line about itself, "RKLLM SDK (version:
 * 1.2.1 | target: Linux | build: ...", and what it prints at init,
 * "rkllm-runtime version: 1.2.1". Where it holds neither, or two that differ,
 * a person has to say. Nothing is ever guessed from a number that is near.
 */
#ifndef WORKER_RKLLM_VERSION_H
#define WORKER_RKLLM_VERSION_H

#include "base/buf.h"

/* The layouts of the structs. */
enum version_layout {
	LAYOUT_NONE, /* not a version that is known */
	LAYOUT_12,   /* rkllm/abi12.h */
	LAYOUT_13,   /* rkllm/abi13.h */
};

#define VERSION_TEXT_MAX 16u

struct version {
	char text[VERSION_TEXT_MAX]; /* "1.2.1" */
	enum version_layout layout;
};

/* "1.2.1, 1.2.2, 1.2.3 and 1.3.0" */
extern const char version_known[];

/* Of a library whose file is open at fd: as said by a person, or if that is
 * empty, by the file. path is for messages. 0; ERR_LOAD_FAILED, with what
 * to do in why; ERR_INVALID: said is no known version. */
int version_find(int fd, const char *path, struct str said, struct version *ret,
    struct fail *why) MUST_CHECK;

#endif
