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

#include "worker/digest.h"

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

struct adapter_slot {
	struct llama_adapter_lora *lora;
	int32_t id;		     /* what requests call it */
	uint8_t digest[DIGEST_SIZE]; /* of its file */
	bool is_leaving; /* only what runs with it may still use it */
};

struct adapters {
	struct adapter_slot v[WORKER_ADAPTERS_MAX];
	uint32_t n;
	struct adapter_set applied;
};

/* Loads one more from fd, which stays the caller's. 0; ERR_LOAD_FAILED,
 * ERR_UNSUPPORTED or ERR_BUSY (there are enough) with why; ERR_NOMEM. They go
 * with the model, if not before. It may come while the model runs: libllama
 * makes room for it in its graphs when it is first applied. */
int adapters_add(struct adapters *a, struct llama_model *model, int32_t id,
    int fd, const char *path, struct fail *why) MUST_CHECK;

/* No new generation may have it. An unknown id is harmless. */
void adapters_leave(struct adapters *a, int32_t id);

/* Frees one that no generation has, and that nobody asks for any more. */
void adapters_remove(struct adapters *a, struct llama_context *ctx, int32_t id);

/* Of one that is there: DIGEST_SIZE bytes. */
const uint8_t *adapters_digest(struct adapters *a, int32_t id);

/* Applies them to all batches to come. */
void adapters_use(struct adapters *a, struct llama_context *ctx,
    const struct adapter_set *set);

/* What a request asks for, of those there are. 0; ERR_INVALID, or ERR_FILE for
 * one that had been attached and is gone. */
int adapter_set_read(struct adapter_set *s, struct biases asked,
    struct adapters *a, struct fail *why) MUST_CHECK;

/* All of them, at scale 1. */
void adapter_set_all(struct adapter_set *s, const struct adapters *a);

bool adapter_set_has(const struct adapter_set *s, int32_t id);
bool adapter_set_eq(const struct adapter_set *a, const struct adapter_set *b);

#endif
