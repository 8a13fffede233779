/*
 * abi12 - what librkllmrt 1.2.1, 1.2.2 and 1.2.3 have of their own.
 */
#ifndef RKLLM_ABI12_H
#define RKLLM_ABI12_H

#include "rkllm/call.h"

struct rkllm12_param {
	const char *model_path;
	int32_t max_context_len;
	int32_t max_new_tokens;
	int32_t top_k;
	int32_t n_keep; /* tokens that stay when the context is shifted */
	float top_p;
	float temperature;
	float repeat_penalty;
	float frequency_penalty;
	float presence_penalty;
	int32_t mirostat; /* 0: off; 1 or 2 */
	float mirostat_tau;
	float mirostat_eta;
	bool skip_special_token;
	bool is_async;
	const char *img_start; /* marks around an image's embeddings */
	const char *img_end;
	const char *img_content;
	struct rkllm_extend_param extend_param;
};

/* In 1.2.1 its name was spelt RKLLMMultiModelInput. */
struct rkllm12_multimodal_input {
	char *prompt;
	float *image_embed;
	size_t n_image_tokens; /* of one image */
	size_t n_image;
	size_t image_width;
	size_t image_height;
};

struct rkllm12_input {
	const char *role; /* "user", "tool"; or NULL */
	bool enable_thinking;
	int32_t input_type; /* enum rkllm_input_type: which of these */
	union {
		const char *prompt_input;
		struct rkllm_embed_input embed_input;
		struct rkllm_token_input token_input;
		struct rkllm12_multimodal_input multimodal_input;
	};
};

struct rkllm12_infer_param {
	int32_t mode;			      /* enum rkllm_mode */
	struct rkllm_lora_param *lora_params; /* or NULL */
	struct rkllm_prompt_cache_param *prompt_cache_params; /* or NULL */
	int32_t keep_history;				      /* 0 or 1 */
};

typedef struct rkllm12_param rkllm12_default_param_fn(void);
typedef int rkllm12_init_fn(
    void **ret_handle, struct rkllm12_param *param, rkllm_result_fn *callback);
typedef int rkllm12_run_fn(void *handle, struct rkllm12_input *input,
    struct rkllm12_infer_param *infer, void *userdata);

#endif
