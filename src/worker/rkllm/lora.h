/*
 * lora - the adapters that clients have attached to the model.
 *
 * The library opens an adapter by its path, and late: but the jail lets no file
 * be opened that was not there before it. So its bytes are copied into memory
 * that has a descriptor and is in no file system. It is loaded when a run first
 * wants it, for then it is known at which scale, and the library is in no run.
 * It can unload none: when it has LORA_SCALES of them, the model is loaded anew,
 * and they when they are wanted.
 */
#ifndef WORKER_RKLLM_LORA_H
#define WORKER_RKLLM_LORA_H

#include "worker/rkllm/runner.h"

#include "wire/msg.h"

#define LORA_FILES 64u	/* attached at once */
#define LORA_SCALES 64u /* loaded at once */

struct loras {
	struct {
		uint32_t id; /* 0: none */
		int fd;
		bool is_leaving; /* closed when no run wants it */
	} files[LORA_FILES];
	struct runner_lora loaded[LORA_SCALES]; /* no name: none */
	uint32_t epoch;				/* of a job: see there */
};

void lora_init(struct loras *l);
void lora_done(struct loras *l);

/* Copies it; fd stays the caller's. 0, or ERR_FILE, ERR_NOMEM, ERR_BUSY. */
int lora_attach(struct loras *l, uint32_t id, int fd, struct fail *why)
    MUST_CHECK;

/* It goes with the next sweep. An unknown one is harmless. */
void lora_detach(struct loras *l, uint32_t id);

/* Forgets those that are detached, but for two that runs want; 0: none. */
void lora_sweep(struct loras *l, uint32_t one, uint32_t other);

/* That one at that scale, loaded or to be. in_use: a run's, or NULL; it stays
 * where it is. 0 or ERR_INVALID. */
int lora_find(struct loras *l, uint32_t id, float scale,
    const struct runner_lora *in_use, struct runner_lora **ret,
    struct fail *why) MUST_CHECK;

/* That one could not be loaded: its place is another's. NULL is allowed; so is
 * one that was. The library must be in no run with it. */
void lora_take_back(struct runner_lora *one);

#endif
