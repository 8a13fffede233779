/*
 * api - what the functions of every version share: how they fail, and the
 * declarations of those that are the same in all (calls.c).
 */
#ifndef RKLLMRT_API_H
#define RKLLMRT_API_H

#include "base/err.h"
#include "rkllm/call.h"

#define API __attribute__((visibility("default")))

struct handle_setup;
struct rkllm13_input;
struct rkllm13_infer_param;

/* Says on standard error what was wrong, if err is not 0; returns err. */
int api_answer(const char *call, int err, const struct fail *why);

/* The functions of which the versions have their own, in the newest form. */
int api_init(void **ret, const struct handle_setup *s);
int api_run(const char *call, void *handle, const struct rkllm13_input *input,
    const struct rkllm13_infer_param *infer, void *userdata, bool is_waiting);

API rkllm_destroy_fn rkllm_destroy;
API rkllm_abort_fn rkllm_abort;
API rkllm_is_running_fn rkllm_is_running;
API rkllm_load_lora_fn rkllm_load_lora;
API rkllm_load_prompt_cache_fn rkllm_load_prompt_cache;
API rkllm_release_prompt_cache_fn rkllm_release_prompt_cache;
API rkllm_clear_kv_cache_fn rkllm_clear_kv_cache;
API rkllm_get_kv_cache_size_fn rkllm_get_kv_cache_size;
API rkllm_set_chat_template_fn rkllm_set_chat_template;
API rkllm_set_function_tools_fn rkllm_set_function_tools;
API rkllm_set_cross_attn_params_fn rkllm_set_cross_attn_params;

#endif
