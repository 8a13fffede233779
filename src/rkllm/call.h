/*
 * call - the types of librkllmrt's functions that are the same in every
 * version; the symbol is the type's name without _fn. What differs is in
 * abi12.h and abi13.h. A handle is a void *; all return 0 for success.
 */
#ifndef RKLLM_CALL_H
#define RKLLM_CALL_H

#include "rkllm/abi.h"

/* What a result callback is called for. */
enum rkllm_state {
	RKLLM_STATE_NORMAL,  /* a token's text, or the data of modes 1, 2 */
	RKLLM_STATE_WAITING, /* a character is not whole yet: no text */
	RKLLM_STATE_FINISH,  /* the last of a run; perf is filled */
	RKLLM_STATE_ERROR,   /* the last of a run that failed */
};

/* What it returns. */
enum rkllm_verdict {
	RKLLM_GO_ON,
	RKLLM_PAUSE,   /* the run call returns; the next one resumes */
	RKLLM_RELEASE, /* frees the buffer of modes 1 and 2 */
};

/* state: an enum rkllm_state. userdata: that of the run, or else of init.
 * Returns an enum rkllm_verdict. */
typedef int rkllm_result_fn(
    struct rkllm_result *result, void *userdata, int state);

/* Text to at most max tokens; how many. Since 1.3.0. */
typedef int rkllm13_tokenizer_fn(void *userdata, const char *text, int32_t len,
    int32_t *ret_tokens, int32_t max);

/* n tokens to len bytes of rows. Since 1.3.0. */
typedef int rkllm13_embed_fn(
    void *userdata, int32_t *tokens, uint64_t n, void *ret_embed, uint64_t len);

typedef int rkllm_destroy_fn(void *handle);
typedef int rkllm_abort_fn(void *handle);

/* 1, or not 0, while a task runs, says the header; see what the library in
 * hand does. */
typedef int rkllm_is_running_fn(void *handle);

typedef int rkllm_load_lora_fn(
    void *handle, struct rkllm_lora_adapter *adapter);
typedef int rkllm_load_prompt_cache_fn(void *handle, const char *path);
typedef int rkllm_release_prompt_cache_fn(void *handle);

/* start_pos, end_pos: n_batch ranges [start, end) each, or both NULL for
 * all. Ranges only with keep_history 0 and a run that the callback paused. */
typedef int rkllm_clear_kv_cache_fn(
    void *handle, int keep_system_prompt, int *start_pos, int *end_pos);

/* cache_sizes: room for n_batch of them. */
typedef int rkllm_get_kv_cache_size_fn(void *handle, int *cache_sizes);

typedef int rkllm_set_chat_template_fn(void *handle, const char *system_prompt,
    const char *prompt_prefix, const char *prompt_postfix);

/* tools: a JSON array, as in the OpenAI interface. */
typedef int rkllm_set_function_tools_fn(void *handle, const char *system_prompt,
    const char *tools, const char *tool_response_str);
typedef int rkllm_set_cross_attn_params_fn(
    void *handle, struct rkllm_cross_attn_param *param);

#endif
