/*
 * lora - the adapters of a handle, which its runs choose from by name.
 */
#ifndef RKLLMRT_LORA_H
#define RKLLMRT_LORA_H

#include "rkllm/abi.h"
#include "wire/msg.h"

struct handle;

struct lora {
	char *name;
	struct bias use; /* its id in the engine, and scale */
};

struct loras {
	struct lora all[WORKER_ADAPTERS_MAX];
	uint32_t n;
};

void loras_done(struct loras *l);

/* Loads it into the engine; one of the same name makes way. 0 or an ERR_* with
 * *why. */
int lora_load(struct handle *h, const struct rkllm_lora_adapter *a,
    struct fail *why) MUST_CHECK;

/* Lets a run have the one of that name; none for "" or NULL. 0, or
 * ERR_NOT_FOUND with *why. */
int lora_pick(const struct loras *l, const char *name, struct biases *ret,
    struct fail *why) MUST_CHECK;

#endif
