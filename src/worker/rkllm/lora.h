/*
 * lora - the adapters that runs want, each at a scale.
 *
 * One is loaded when a run first wants it, for then it is known at which scale,
 * and the library is in no run. It can unload none.
 */
#ifndef WORKER_RKLLM_LORA_H
#define WORKER_RKLLM_LORA_H

#include "worker/rkllm/held.h"
#include "worker/rkllm/runner.h"

#include "wire/msg.h"

#define LORA_SCALES 64u /* loaded in a process' life */

struct loras {
	struct runner_lora loaded[LORA_SCALES];
	uint32_t n_loaded;
};

/* That file at that scale, loaded or to be. 0, ERR_INVALID or ERR_BUSY. */
int lora_find(struct loras *l, const struct held *files, uint32_t id,
    float scale, struct runner_lora **ret, struct fail *why) MUST_CHECK;

#endif
