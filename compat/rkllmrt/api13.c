/* The functions that are 1.3.0's alone. */
#include "api.h"
#include "handle.h"
#include "param.h"

#include "rkllm/abi13.h"

API rkllm13_default_param_fn rkllm_createDefaultParam;
API rkllm13_init_fn rkllm_init;
API rkllm13_run_fn rkllm_run;
API rkllm13_run_fn rkllm_run_async;

/* What a scan of the file finds, as in Rockchip's. */
API extern const char rkllm_version_text[];
const char rkllm_version_text[] =
    "RKLLM SDK (version: 1.3.0 | target: Linux | build: Bulkhead " BULKHEAD_VERSION
    ")\0librkllmrt version: 1.3.0 (Bulkhead compat " BULKHEAD_VERSION ")";

struct rkllm13_param
rkllm_createDefaultParam(void)
{
	return param_defaults;
}

int
rkllm_init(void **ret_handle, struct rkllm13_param *param,
    struct rkllm13_callback *callback)
{
	const struct handle_setup s = { .param = param, .callback = callback };
	struct fail why;

	if (ret_handle == NULL || param == NULL || callback == NULL ||
	    callback->result_callback == NULL)
		return api_answer("rkllm_init",
		    fail_set(&why, ERR_INVALID, NULL,
			"handle, param, callback and its result_callback must "
			"not be NULL"),
		    &why);
	return api_init(ret_handle, &s);
}

int
rkllm_run(void *handle, struct rkllm13_input *input,
    struct rkllm13_infer_param *infer, void *userdata)
{
	return api_run("rkllm_run", handle, input, infer, userdata, true);
}

int
rkllm_run_async(void *handle, struct rkllm13_input *input,
    struct rkllm13_infer_param *infer, void *userdata)
{
	return api_run(
	    "rkllm_run_async", handle, input, infer, userdata, false);
}
