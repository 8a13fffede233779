/* The functions of rkllm.h that are the same in every version, and what is
 * behind those that are not. */
#include "api.h"

#include "cache.h"
#include "guest.h"
#include "handle.h"
#include "param.h"

#include "base/log.h"

int
api_answer(const char *call, int err, const struct fail *why)
{
	if (err != 0)
		log_error(
		    "%s: %s", call, why->code != 0 ? why->text : err_text(err));
	return err;
}

int
api_init(void **ret, const struct handle_setup *s)
{
	struct fail why = { 0 };
	int err = guest_check(&why);

	if (err == 0)
		err = param_check(s->param, &why);
	if (err == 0)
		err = handle_new(ret, s, &why);
	return api_answer("rkllm_init", err, &why);
}

/* A function of a handle h: what it calls, which fills why. */
#define WITH_HANDLE(call, handle, ...)                       \
	do {                                                 \
		struct fail why = { 0 };                     \
		struct handle *h = handle_get(handle, &why); \
		int err = why.code;                          \
                                                             \
		if (h != NULL) {                             \
			err = (__VA_ARGS__);                 \
			handle_put(h);                       \
		}                                            \
		return api_answer(call, err, &why);          \
	} while (0)

int
api_run(const char *call, void *handle, const struct rkllm13_input *input,
    const struct rkllm13_infer_param *infer, void *userdata, bool is_waiting)
{
	WITH_HANDLE(call, handle,
	    phase_run(h, input, infer, userdata, is_waiting, &why));
}

int
rkllm_destroy(void *handle)
{
	WITH_HANDLE("rkllm_destroy", handle, handle_destroy(h, &why));
}

int
rkllm_abort(void *handle)
{
	WITH_HANDLE("rkllm_abort", handle, phase_abort(h, &why));
}

/* Programs wait until it is 0, so a handle that is gone is not running. */
int
rkllm_is_running(void *handle)
{
	struct fail why = { 0 };
	struct handle *h = handle_get(handle, &why);
	int is_running = 0;

	if (h == NULL) {
		(void)api_answer("rkllm_is_running", why.code, &why);
		return 0;
	}
	is_running = phase_is_running(h) ? 1 : 0;
	handle_put(h);
	return is_running;
}

int
rkllm_load_lora(void *handle, struct rkllm_lora_adapter *adapter)
{
	WITH_HANDLE("rkllm_load_lora", handle, lora_load(h, adapter, &why));
}

int
rkllm_load_prompt_cache(void *handle, const char *path)
{
	WITH_HANDLE(
	    "rkllm_load_prompt_cache", handle, saved_load(h, path, &why));
}

int
rkllm_release_prompt_cache(void *handle)
{
	WITH_HANDLE(
	    "rkllm_release_prompt_cache", handle, saved_release(h, &why));
}

int
rkllm_clear_kv_cache(
    void *handle, int keep_system_prompt, int *start_pos, int *end_pos)
{
	WITH_HANDLE("rkllm_clear_kv_cache", handle,
	    cache_clear(h, keep_system_prompt, start_pos, end_pos, &why));
}

int
rkllm_get_kv_cache_size(void *handle, int *cache_sizes)
{
	WITH_HANDLE("rkllm_get_kv_cache_size", handle,
	    cache_size(h, cache_sizes, &why));
}

static int
set_template(struct handle *h, const char *system, const char *prefix,
    const char *postfix)
{
	sigset_t was;
	int err;

	phase_lock(h, &was);
	err = style_set_own(
	    &h->style, str_of(system), str_of(prefix), str_of(postfix));
	handle_unlock(h, &was);
	return err;
}

int
rkllm_set_chat_template(void *handle, const char *system_prompt,
    const char *prompt_prefix, const char *prompt_postfix)
{
	WITH_HANDLE("rkllm_set_chat_template", handle,
	    set_template(h, system_prompt, prompt_prefix, prompt_postfix));
}

static int
set_tools(
    struct handle *h, const char *system, const char *tools, struct fail *why)
{
	sigset_t was;
	int err;

	phase_lock(h, &was);
	err = style_set_tools(
	    &h->style, str_of(system), str_of(tools), STR(""), why);
	handle_unlock(h, &was);
	return err;
}

/* The model's own template knows how a tool's answer looks. */
int
rkllm_set_function_tools(void *handle, const char *system_prompt,
    const char *tools, const char *tool_response_str)
{
	(void)tool_response_str;
	WITH_HANDLE("rkllm_set_function_tools", handle,
	    set_tools(h, system_prompt, tools, &why));
}

static int
set_cross_attn(const struct rkllm_cross_attn_param *p, struct fail *why)
{
	if (p == NULL || p->encoder_k_cache == NULL ||
	    p->encoder_v_cache == NULL || p->encoder_mask == NULL ||
	    p->encoder_pos == NULL)
		return fail_set(why, ERR_INVALID, "cross_attn_params",
		    "cross_attn_params: none of its pointers may be NULL");
	if (p->num_tokens <= 0)
		return fail_set(why, ERR_INVALID, "num_tokens",
		    "num_tokens: must be 1 or more, not %d", p->num_tokens);
	return fail_set(why, ERR_UNSUPPORTED, NULL,
	    "this model has no cross-attention that takes an encoder's keys "
	    "and values");
}

int
rkllm_set_cross_attn_params(void *handle, struct rkllm_cross_attn_param *param)
{
	WITH_HANDLE(
	    "rkllm_set_cross_attn_params", handle, set_cross_attn(param, &why));
}
