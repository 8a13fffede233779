/*
 * about - what a GGUF file says of its model, and whether it is one that can
 * be served.
 */
#ifndef GGUF_ABOUT_H
#define GGUF_ABOUT_H

#include "gguf/gguf.h"

#define GGUF_LAYERS_MAX 512u /* llama.cpp's */

/* Counts that an architecture's keys give: member, key behind the
 * architecture's name, what it is. What a file does not say is 0. */
#define GGUF_COUNTS(C)                                                    \
	C(n_layer, "block_count", "layers")                               \
	C(n_ctx_train, "context_length", "tokens that it was trained on") \
	C(n_embd, "embedding_length", "")                                 \
	C(n_head, "attention.head_count", "the most of a layer")          \
	C(n_head_kv, "attention.head_count_kv", "the most of a layer")    \
	C(head_k, "attention.key_length", "numbers of a head's key")      \
	C(head_v, "attention.value_length", "the same")                   \
	C(n_window, "attention.sliding_window", "tokens; 0: none")        \
	C(n_lora_kv, "attention.kv_lora_rank", "of latent attention; 0")  \
	C(n_expert, "expert_count", "")                                   \
	C(n_expert_used, "expert_used_count", "")                         \
	C(n_vocab, "vocab_size", "where there are no tokens")             \
	C(ssm_conv, "ssm.conv_kernel", "of a state")                      \
	C(ssm_inner, "ssm.inner_size", "the same")                        \
	C(ssm_state, "ssm.state_size", "the same")                        \
	C(ssm_group, "ssm.group_count", "the same")                       \
	C(full_every, "full_attention_interval", "layers; hybrid ones")

struct gguf_about {
	char arch[64];
	char name[GGUF_TEXT_MAX + 1]; /* general.name */
	char kind[64];		      /* general.type, or "" */
	char quant[32];		      /* "Q4_K - Medium"; or "" */
	bool has_template;
	uint32_t split;	  /* number of this part, from 0 */
	uint32_t n_split; /* parts; 0 or 1: it is whole */
#define GGUF_COUNT(member, key, what) uint32_t member;
	GGUF_COUNTS(GGUF_COUNT)
#undef GGUF_COUNT
	/* Of each layer, as far as the file has more than one number. */
	uint32_t heads_kv[GGUF_LAYERS_MAX];
	uint32_t n_heads_kv;
	uint64_t n_tensors;
	uint64_t n_params;
	uint64_t n_bytes; /* of tensors */
};

/* Reads all of the head. 0; ERR_NOMEM; or ERR_LOAD_FAILED or ERR_UNSUPPORTED
 * with one line: the file is damaged, or is no model. What was read by then is
 * in ret. */
int gguf_about(struct gguf *g, struct gguf_about *ret, struct fail *f)
    MUST_CHECK;

#endif
