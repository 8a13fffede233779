/*
 * abi - the C interface of librkllmrt, as it lies in memory.
 *
 * Our own declaration, for 64-bit machines, of what a librkllmrt.so expects
 * and gives; tests/unit/rkllm/test_abi.c pins every size and offset. 1.2.1,
 * 1.2.2 and 1.2.3 share one layout (abi12.h), 1.3.0 has another (abi13.h);
 * here is what is the same in all. Handing a library the other's layout
 * corrupts memory, so the version is known before the first call.
 *
 * Field names are the library's. What a pointer names is the caller's unless
 * said otherwise, and the library keeps those given to init until destroy.
 */
#ifndef RKLLM_ABI_H
#define RKLLM_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rkllm_input_type {
	RKLLM_IN_PROMPT,
	RKLLM_IN_TOKEN,
	RKLLM_IN_EMBED,
	RKLLM_IN_MULTIMODAL,
};

enum rkllm_mode {
	RKLLM_MODE_GENERATE,
	RKLLM_MODE_HIDDEN, /* the last hidden layer */
	RKLLM_MODE_LOGITS,
};

#define RKLLM_CPUS 8 /* bit n of a mask is CPU n */

struct rkllm_extend_param {
	int32_t base_domain_id;
	int8_t embed_flash; /* 1: embeddings are read from storage */
	int8_t enabled_cpus_num;
	uint32_t enabled_cpus_mask;
	uint8_t n_batch;       /* runs side by side in one forward pass */
	int8_t use_cross_attn; /* 1: a decoder with cross-attention */
	uint8_t reserved[104];
};

struct rkllm_lora_adapter {
	const char *lora_adapter_path;
	const char *lora_adapter_name; /* what runs call it */
	float scale;
};

struct rkllm_embed_input {
	float *embed; /* n_tokens rows */
	size_t n_tokens;
};

struct rkllm_token_input {
	int32_t *input_ids;
	size_t n_tokens;
};

struct rkllm_lora_param {
	const char *lora_adapter_name;
};

struct rkllm_prompt_cache_param {
	int32_t save_prompt_cache; /* 0 or 1 */
	const char *prompt_cache_path;
};

/* One layer after the other; see rkllm_set_cross_attn_params. */
struct rkllm_cross_attn_param {
	float *encoder_k_cache; /* [layers][tokens][kv heads][head dim] */
	float *encoder_v_cache; /* [layers][kv heads][head dim][tokens] */
	float *encoder_mask;	/* [tokens] */
	int32_t *encoder_pos;	/* [tokens] */
	int32_t num_tokens;
};

struct rkllm_hidden {
	const float *hidden_states; /* num_tokens rows of embd_size */
	int32_t embd_size;
	int32_t num_tokens;
};

struct rkllm_logits {
	const float *logits; /* num_tokens rows of vocab_size */
	int32_t vocab_size;
	int32_t num_tokens;
};

struct rkllm_perf {
	float prefill_time_ms;
	int32_t prefill_tokens;
	float generate_time_ms;
	int32_t generate_tokens;
	float memory_usage_mb; /* at the most, resident */
};

/* Lives as long as the callback that it is given to. */
struct rkllm_result {
	const char *text; /* or NULL */
	int32_t token_id;
	struct rkllm_hidden last_hidden_layer;
	struct rkllm_logits logits;
	struct rkllm_perf perf;
};

#endif
