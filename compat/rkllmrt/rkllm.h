/*
 * rkllm.h - the C interface of Bulkhead's librkllmrt.so.
 *
 * For programs that are written for Rockchip's librkllmrt: the same names,
 * types and layouts, so that they compile with this header and run with this
 * library unchanged, or with Rockchip's after nothing but a copy to a board.
 * The models here are GGUF files, and compute on any Linux machine
 * (docs/COMPAT.md).
 *
 * It is the interface of 1.3.0. With RKLLM_1_2 defined before it is included
 * it is that of 1.2.1 to 1.2.3, which have a library of their own: never run
 * a program with the other's.
 *
 * Handles may be used from any thread. Functions return 0, or another number
 * and a line on standard error that says what was wrong.
 */
#ifndef RKLLM_H
#define RKLLM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* For enabled_cpus_mask. */
#define CPU0 (1 << 0)
#define CPU1 (1 << 1)
#define CPU2 (1 << 2)
#define CPU3 (1 << 3)
#define CPU4 (1 << 4)
#define CPU5 (1 << 5)
#define CPU6 (1 << 6)
#define CPU7 (1 << 7)

typedef void *LLMHandle;

typedef enum {
	RKLLM_RUN_NORMAL = 0,  /* a token's text; or the data of modes 1, 2 */
	RKLLM_RUN_WAITING = 1, /* a character is not whole yet; text is NULL */
	RKLLM_RUN_FINISH = 2,  /* the last call of a run, with perf */
	RKLLM_RUN_ERROR = 3,   /* the last call of a run that failed */
} LLMCallState;

typedef enum {
	RKLLM_INPUT_PROMPT = 0,
	RKLLM_INPUT_TOKEN = 1,
	RKLLM_INPUT_EMBED = 2,
	RKLLM_INPUT_MULTIMODAL = 3,
} RKLLMInputType;

typedef enum {
	RKLLM_INFER_GENERATE = 0,
	RKLLM_INFER_GET_LAST_HIDDEN_LAYER = 1,
	RKLLM_INFER_GET_LOGITS = 2,
} RKLLMInferMode;

typedef struct {
	int32_t base_domain_id;	    /* of the NPU; without effect here */
	int8_t embed_flash;	    /* the same */
	int8_t enabled_cpus_num;    /* the same */
	uint32_t enabled_cpus_mask; /* the same */
	uint8_t n_batch;	    /* runs in one: 0 or 1 here */
	int8_t use_cross_attn;	    /* 1: the decoder has cross-attention */
	uint8_t reserved[104];
} RKLLMExtendParam;

typedef struct {
	const char *model_path;	 /* a GGUF file, whatever its name ends in */
	int32_t max_context_len; /* tokens; 0: the model's own */
	int32_t max_new_tokens;	 /* <= 0: until the context is full */
	int32_t top_k;		 /* <= 0: all */
	int32_t n_keep;		 /* tokens that stay when the context is full */
	float top_p;
	float temperature; /* 0: greedy */
	float repeat_penalty;
	float frequency_penalty;
	float presence_penalty;
	int32_t mirostat; /* 0: off, 1, 2 */
	float mirostat_tau;
	float mirostat_eta;
	bool skip_special_token; /* control tokens have no text */
#ifndef RKLLM_1_2
	bool ignore_eos_token;
#endif
	bool is_async; /* without effect: rkllm_run_async is */
#ifdef RKLLM_1_2
	const char *img_start; /* marks around an image, and of its place */
	const char *img_end;
	const char *img_content;
#endif
	RKLLMExtendParam extend_param;
} RKLLMParam;

typedef struct {
	const char *lora_adapter_path; /* a GGUF file */
	const char *lora_adapter_name; /* what runs call it */
	float scale;
} RKLLMLoraAdapter;

typedef struct {
	float *embed; /* n_tokens rows */
	size_t n_tokens;
} RKLLMEmbedInput;

typedef struct {
	int32_t *input_ids;
	size_t n_tokens;
} RKLLMTokenInput;

#ifdef RKLLM_1_2
typedef struct {
	char *prompt;
	float *image_embed;
	size_t n_image_tokens; /* of one image */
	size_t n_image;
	size_t image_width;
	size_t image_height;
} RKLLMMultiModalInput;

typedef RKLLMMultiModalInput RKLLMMultiModelInput; /* 1.2.1 */
#else
typedef struct {
	char *prompt;
	struct {
		float *image_embed;
		size_t n_image_tokens; /* of one image */
		size_t n_image;
		const char *image_start; /* marks around an image */
		const char *image_end;
		const char *image_content; /* and of its place */
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
} RKLLMMultiModalInput;
#endif

typedef struct {
	const char *role; /* "user", "tool"; NULL: "user" */
	bool enable_thinking;
	RKLLMInputType input_type; /* which of these */
	union {
		const char *prompt_input;
		RKLLMEmbedInput embed_input;
		RKLLMTokenInput token_input;
		RKLLMMultiModalInput multimodal_input;
	};
} RKLLMInput;

typedef struct {
	const char *lora_adapter_name;
} RKLLMLoraParam;

typedef struct {
	int save_prompt_cache; /* 1: the prompt's state goes to the file */
	const char *prompt_cache_path;
} RKLLMPromptCacheParam;

/* Of the encoder, one layer after the other. */
typedef struct {
	float *encoder_k_cache; /* [layers][tokens][kv heads][head dim] */
	float *encoder_v_cache; /* [layers][kv heads][head dim][tokens] */
	float *encoder_mask;	/* [tokens] */
	int32_t *encoder_pos;	/* [tokens] */
	int num_tokens;
} RKLLMCrossAttnParam;

#ifndef RKLLM_1_2
typedef struct {
	int32_t top_k;
	float top_p;
	float temperature;
	float repeat_penalty;
	float frequency_penalty;
	float presence_penalty;
	int32_t mirostat;
	float mirostat_tau;
	float mirostat_eta;
} RKLLMSamplingParam;
#endif

typedef struct {
	RKLLMInferMode mode;
	RKLLMLoraParam *lora_params;		    /* or NULL */
	RKLLMPromptCacheParam *prompt_cache_params; /* or NULL */
#ifndef RKLLM_1_2
	RKLLMSamplingParam *sampling_params; /* NULL: init's */
#endif
	int keep_history; /* 1: the run is a turn of a conversation */
#ifndef RKLLM_1_2
	int max_new_tokens; /* <= 0: init's */
#endif
} RKLLMInferParam;

typedef struct {
	const float *hidden_states; /* num_tokens rows of embd_size */
	int embd_size;
	int num_tokens;
} RKLLMResultLastHiddenLayer;

typedef struct {
	const float *logits; /* num_tokens rows of vocab_size */
	int vocab_size;
	int num_tokens;
} RKLLMResultLogits;

typedef struct {
	float prefill_time_ms;
	int prefill_tokens; /* computed, not from a KV or prompt cache */
	float generate_time_ms;
	int generate_tokens;
	float memory_usage_mb; /* of this process, at the most */
} RKLLMPerfStat;

/* Good until the callback that has it returns; rows of floats, unless they
 * are released, until the next run. */
typedef struct {
	const char *text; /* whole characters, or NULL */
	int32_t token_id;
	RKLLMResultLastHiddenLayer last_hidden_layer;
	RKLLMResultLogits logits;
	RKLLMPerfStat perf;
} RKLLMResult;

/* Called from one thread at a time, not the one that called rkllm_run.
 * userdata: the run's if that is not NULL, else init's. Returns
 *	0  go on
 *	1  pause: rkllm_run returns, and the next one goes on from here
 *	2  the rows of modes 1 and 2 are not needed any more
 * It may call everything but run, run_async and destroy. */
typedef int (*LLMResultCallback)(
    RKLLMResult *result, void *userdata, LLMCallState state);

#ifndef RKLLM_1_2
/* For models without a tokenizer or embeddings of their own; a GGUF file has
 * both, so here they are never called. */
typedef int (*LLMTokenizerCallback)(void *userdata, const char *text,
    int32_t text_len, int32_t *tokens, int32_t n_tokens_max);
typedef int (*LLMEmbedCallback)(void *userdata, int32_t *tokens,
    uint64_t n_tokens, void *embed, uint64_t embed_len);

typedef struct {
	LLMResultCallback result_callback;
	void *result_userdata;
	LLMTokenizerCallback tokenizer_callback; /* or NULL */
	void *tokenizer_userdata;
	LLMEmbedCallback embed_callback; /* or NULL */
	void *embed_userdata;
} RKLLMCallback;
#endif

RKLLMParam rkllm_createDefaultParam(void);

/* Loads the model. *handle is set only when it succeeds. */
#ifdef RKLLM_1_2
int rkllm_init(
    LLMHandle *handle, RKLLMParam *param, LLMResultCallback callback);
#else
int rkllm_init(LLMHandle *handle, RKLLMParam *param, RKLLMCallback *callback);
#endif

/* Ends what runs, then gives everything back. */
int rkllm_destroy(LLMHandle handle);

/* One run at a time of a handle. run returns when it is over or paused. On a
 * run that is paused both go on with it; input and params are not looked at
 * then and may be NULL, a userdata is used from then on. */
int rkllm_run(LLMHandle handle, RKLLMInput *input, RKLLMInferParam *params,
    void *userdata);
int rkllm_run_async(LLMHandle handle, RKLLMInput *input,
    RKLLMInferParam *params, void *userdata);

/* The run ends with its FINISH; at once, or after the token under way. Not 0
 * if nothing runs and nothing is paused. */
int rkllm_abort(LLMHandle handle);

/* 1 while a run goes on; 0 when none does or it is paused. */
int rkllm_is_running(LLMHandle handle);

int rkllm_load_lora(LLMHandle handle, RKLLMLoraAdapter *adapter);
int rkllm_load_prompt_cache(LLMHandle handle, const char *path);
int rkllm_release_prompt_cache(LLMHandle handle);

/* start_pos, end_pos: NULL for all; or ranges [start, end), one each. */
int rkllm_clear_kv_cache(
    LLMHandle handle, int keep_system_prompt, int *start_pos, int *end_pos);
int rkllm_get_kv_cache_size(LLMHandle handle, int *cache_sizes);

int rkllm_set_chat_template(LLMHandle handle, const char *system_prompt,
    const char *prompt_prefix, const char *prompt_postfix);
int rkllm_set_function_tools(LLMHandle handle, const char *system_prompt,
    const char *tools, const char *tool_response_str);
int rkllm_set_cross_attn_params(
    LLMHandle handle, RKLLMCrossAttnParam *cross_attn_params);

#ifdef __cplusplus
}
#endif

#endif
