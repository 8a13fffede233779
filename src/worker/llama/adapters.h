/*
 * adapters - LoRA: which of a model's adapters a generation has, and which the
 * context applies now.
 *
 * A context applies one set to all of a batch. So sequences are computed
 * together only where their sets are the same; see sched.c. Another set costs a
 * few milliseconds, in which libllama plans its graphs anew.
 */
#ifndef WORKER_LLAMA_ADAPTERS_H
#define WORKER_LLAMA_ADAPTERS_H

#include "wire/msg.h"

#include <stdbool.h>

struct llama_context;
struct llama_model;
struct llama_adapter_lora;

/* In order of their ids, none twice, no scale 0; what is not used is 0, so that
 * equal sets have equal bytes. */
struct adapter_set {
	uint32_t n;
	int32_t ids[WORKER_ADAPTERS_MAX];
	float scales[WORKER_ADAPTERS_MAX];
};

struct adapters {
	struct llama_adapter_lora *v[WORKER_ADAPTERS_MAX];
	uint32_t n;
	struct adapter_set applied;
};

/* Loads one more from fd, which stays the caller's. 0; ERR_LOAD_FAILED or
 * ERR_UNSUPPORTED with why; ERR_NOMEM. They go with the model. */
int adapters_add(struct adapters *a, struct llama_model *model, int fd,
    const char *path, struct fail *why) MUST_CHECK;

/* Applies them to all batches to come. */
void adapters_use(struct adapters *a, struct llama_context *ctx,
    const struct adapter_set *set);

/* What a request asks for, of a model with n adapters. 0, or ERR_INVALID. */
int adapter_set_read(struct adapter_set *s, struct biases asked, uint32_t n,
    struct fail *why) MUST_CHECK;

/* All n of them, at scale 1. */
void adapter_set_all(struct adapter_set *s, uint32_t n);

bool adapter_set_eq(const struct adapter_set *a, const struct adapter_set *b);

#endif
