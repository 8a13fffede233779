/*
 * saved - prompt caches: files that runs begin with, and that a run leaves.
 */
#ifndef RKLLMRT_SAVED_H
#define RKLLMRT_SAVED_H

#include "rkllm/abi.h"
#include "wire/msg.h"

struct handle;

/* All runs to come begin with it, as far as it fits; in place of another. 0, or
 * an ERR_* with *why. */
int saved_load(struct handle *h, const char *path, struct fail *why) MUST_CHECK;

/* 0; ERR_NOT_FOUND: none is loaded. */
int saved_release(struct handle *h, struct fail *why) MUST_CHECK;

/* Where a run's prompt shall be left. */
struct saving {
	char *path; /* NULL: nowhere */
	int fd;	    /* memory for it, until it is written */
	uint32_t id;
	uint64_t size; /* of what is in it */
	bool is_there; /* it is */
};

/* Of a run that asks for it; path is NULL for one that does not. 0, ERR_INVALID
 * or ERR_NOMEM with *why. */
int saving_ask(const struct rkllm_prompt_cache_param *p, int32_t mode,
    char **ret_path, struct fail *why) MUST_CHECK;

/* On the thread: makes room in the engine. 0 or an ERR_* with *why. */
int saving_begin(struct handle *h, struct saving *s, struct fail *why)
    MUST_CHECK;

/* What the engine has left becomes the file, whole or not at all. 0, or
 * ERR_FILE with *why. */
int saving_write(struct saving *s, struct fail *why) MUST_CHECK;

/* On the thread: gives all back. */
void saving_end(struct handle *h, struct saving *s);

#endif
