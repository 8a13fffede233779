/*
 * held - files that are attached to the model, as long as a run may want them.
 *
 * The library opens files by their paths, and late: but the jail lets no file be
 * opened that was not there before it. So their bytes are copied into memory that
 * has a descriptor, in no file system.
 */
#ifndef WORKER_RKLLM_HELD_H
#define WORKER_RKLLM_HELD_H

#include "base/buf.h"

#define HELD_MAX 96u /* attached at once */
#define HELD_PATH 32u

struct held {
	struct held_file {
		uint32_t id; /* 0: none */
		int fd;
		bool is_leaving; /* closed when no run wants it */
	} files[HELD_MAX];
};

/* Memory to be written to. A descriptor, or -1. */
int held_memory(const char *name);

/* All that can be read of one, from its beginning, at the end of the other. 0,
 * ERR_FILE: it cannot be read; ERR_NOMEM: no room. */
int held_copy(int from, int to) MUST_CHECK;

/* What the library is to call it. */
void held_path(int fd, char ret[HELD_PATH]);

void held_init(struct held *h);
void held_done(struct held *h);

/* Copies it; fd stays the caller's. 0, or ERR_FILE, ERR_NOMEM, ERR_BUSY. */
int held_add(struct held *h, uint32_t id, int fd, struct fail *why) MUST_CHECK;

/* The file itself, by another descriptor. 0, ERR_NOMEM or ERR_BUSY. */
int held_add_itself(struct held *h, uint32_t id, int fd, struct fail *why)
    MUST_CHECK;

/* It goes with the next sweep. An unknown one is harmless. */
void held_leave(struct held *h, uint32_t id);

/* Whether a run wants it. */
typedef bool held_want_fn(void *arg, uint32_t id);

/* Forgets those that leave and that nobody wants. */
void held_sweep(struct held *h, held_want_fn *is_wanted, void *arg);

/* A descriptor, or -1. */
int held_find(const struct held *h, uint32_t id);

#endif
