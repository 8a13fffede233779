/*
 * abi13 - what librkllmrt 1.3.0 has of its own.
 */
#ifndef RKLLM_ABI13_H
#define RKLLM_ABI13_H

#include "rkllm/call.h"

struct rkllm13_param {
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
	bool ignore_eos_token;
	bool is_async;
	struct rkllm_extend_param extend_param;
};

struct rkllm13_multimodal_input {
	char *prompt;
	struct {
		float *image_embed;
		size_t n_image_tokens; /* of one image */
		size_t n_image;
		const char *image_start; /* marks around its embeddings */
		const char *image_end;
		const char *image_content;
		size_t image_width;
		size_t image_height;
	} image;
	struct {
		float *video_embed;
		size_t n_frame_tokens; /* of one frame */
		size_t n_frame_per_video;
		size_t n_video;
		const char *video_start;
		const char *video_end;
		const char *video_content;
		size_t frame_width;
		size_t frame_height;
	} video;
};

struct rkllm13_input {
	const char *role; /* "user", "tool"; or NULL */
	bool enable_thinking;
	int32_t input_type; /* enum rkllm_input_type: which of these */
	union {
		const char *prompt_input;
		struct rkllm_embed_input embed_input;
		struct rkllm_token_input token_input;
		struct rkllm13_multimodal_input multimodal_input;
	};
};

/* Of one run, in place of init's. */
struct rkllm13_sampling_param {
	int32_t top_k;
	float top_p;
	float temperature;
	float repeat_penalty;
	float frequency_penalty;
	float presence_penalty;
	int32_t mirostat;
	float mirostat_tau;
	float mirostat_eta;
};

struct rkllm13_infer_param {
	int32_t mode;			      /* enum rkllm_mode */
	struct rkllm_lora_param *lora_params; /* or NULL */
	struct rkllm_prompt_cache_param *prompt_cache_params; /* or NULL */
	struct rkllm13_sampling_param *sampling_params;	      /* NULL: init's */
	int32_t keep_history;				      /* 0 or 1 */
	int32_t max_new_tokens;				      /* <= 0: init's */
};

/* The last two only for models without a tokenizer or embeddings of their
 * own; or NULL. */
struct rkllm13_callback {
	rkllm_result_fn *result_callback;
	void *result_userdata;
	rkllm13_tokenizer_fn *tokenizer_callback;
	void *tokenizer_userdata;
	rkllm13_embed_fn *embed_callback;
	void *embed_userdata;
};

typedef struct rkllm13_param rkllm13_default_param_fn(void);
typedef int rkllm13_init_fn(void **ret_handle, struct rkllm13_param *param,
    struct rkllm13_callback *callback);
typedef int rkllm13_run_fn(void *handle, struct rkllm13_input *input,
    struct rkllm13_infer_param *infer, void *userdata);

#endif
