/* The functions of rkllm.h that are the same in every version, and what is
 * behind those that are not. */
#include "api.h"

#include "guest.h"
#include "handle.h"
#include "param.h"

#include "base/log.h"

#define NOT_YET "not supported by this version of Bulkhead"

int
api_answer(const char *call, int err, const struct fail *why)
{
	if (err != 0)
		log_error(
		    "%s: %s", call, why->code != 0 ? why->text : err_text(err));
	return err;
}

int
api_init(
    void **ret, const struct rkllm13_param *p, const struct rkllm13_callback *c)
{
	struct fail why = { 0 };
	int err = guest_check(&why);

	if (err == 0)
		err = param_check(p, &why);
	if (err == 0)
		err = handle_new(ret, p, c, &why);
	return api_answer("rkllm_init", err, &why);
}

int
api_run(const char *call, void *handle, const struct rkllm13_input *input,
    const struct rkllm13_infer_param *infer, void *userdata, bool is_waiting)
{
	struct fail why = { 0 };
	struct handle *h = handle_get(handle, &why);
	int err = why.code;

	if (h != NULL) {
		err = run_call(h, input, infer, userdata, is_waiting, &why);
		handle_put(h);
	}
	return api_answer(call, err, &why);
}

/* A function of a handle alone. */
static int
with_handle(const char *call, void *handle,
    int (*fn)(struct handle *h, struct fail *why))
{
	struct fail why = { 0 };
	struct handle *h = handle_get(handle, &why);
	int err = why.code;

	if (h != NULL) {
		err = fn(h, &why);
		handle_put(h);
	}
	return api_answer(call, err, &why);
}

int
rkllm_destroy(void *handle)
{
	return with_handle("rkllm_destroy", handle, handle_destroy);
}

int
rkllm_abort(void *handle)
{
	return with_handle("rkllm_abort", handle, run_abort);
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
	is_running = run_is_running(h) ? 1 : 0;
	handle_put(h);
	return is_running;
}

static int
not_yet(struct handle *h, struct fail *why)
{
	(void)h;
	return fail_set(why, ERR_UNSUPPORTED, NULL, NOT_YET);
}

int
rkllm_load_lora(void *handle, struct rkllm_lora_adapter *adapter)
{
	(void)adapter;
	return with_handle("rkllm_load_lora", handle, not_yet);
}

int
rkllm_load_prompt_cache(void *handle, const char *path)
{
	(void)path;
	return with_handle("rkllm_load_prompt_cache", handle, not_yet);
}

int
rkllm_release_prompt_cache(void *handle)
{
	return with_handle("rkllm_release_prompt_cache", handle, not_yet);
}

int
rkllm_clear_kv_cache(
    void *handle, int keep_system_prompt, int *start_pos, int *end_pos)
{
	(void)keep_system_prompt;
	(void)start_pos;
	(void)end_pos;
	return with_handle("rkllm_clear_kv_cache", handle, not_yet);
}

int
rkllm_get_kv_cache_size(void *handle, int *cache_sizes)
{
	(void)cache_sizes;
	return with_handle("rkllm_get_kv_cache_size", handle, not_yet);
}

int
rkllm_set_chat_template(void *handle, const char *system_prompt,
    const char *prompt_prefix, const char *prompt_postfix)
{
	(void)system_prompt;
	(void)prompt_prefix;
	(void)prompt_postfix;
	return with_handle("rkllm_set_chat_template", handle, not_yet);
}

int
rkllm_set_function_tools(void *handle, const char *system_prompt,
    const char *tools, const char *tool_response_str)
{
	(void)system_prompt;
	(void)tools;
	(void)tool_response_str;
	return with_handle("rkllm_set_function_tools", handle, not_yet);
}

int
rkllm_set_cross_attn_params(void *handle, struct rkllm_cross_attn_param *param)
{
	(void)param;
	return with_handle("rkllm_set_cross_attn_params", handle, not_yet);
}
