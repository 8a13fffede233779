/* The functions that 1.2.1 to 1.2.3 have their own of, by those of 1.3.0. */
#include "api.h"
#include "handle.h"
#include "param.h"

#include "rkllm/abi12.h"
#include "rkllm/abi13.h"

#include <string.h>

API rkllm12_default_param_fn rkllm_createDefaultParam;
API rkllm12_init_fn rkllm_init;
API rkllm12_run_fn rkllm_run;
API rkllm12_run_fn rkllm_run_async;

/* What a scan of the file finds, as in Rockchip's. */
API extern const char rkllm_version_text[];
const char rkllm_version_text[] =
    "RKLLM SDK (version: 1.2.3 | target: Linux | build: Bulkhead " BULKHEAD_VERSION
    ")\0librkllmrt version: 1.2.3 (Bulkhead compat " BULKHEAD_VERSION ")";

/* All that is before skip_special_token lies in the same places. */
#define HEAD offsetof(struct rkllm13_param, skip_special_token)
_Static_assert(
    HEAD == offsetof(struct rkllm12_param, skip_special_token), "the head");

static struct rkllm13_param
newer(const struct rkllm12_param *p)
{
	struct rkllm13_param ret = { .model_path = NULL };

	(void)memcpy(&ret, p, HEAD);
	ret.skip_special_token = p->skip_special_token;
	ret.is_async = p->is_async;
	ret.extend_param = p->extend_param;
	return ret;
}

struct rkllm12_param
rkllm_createDefaultParam(void)
{
	struct rkllm12_param ret = { .model_path = NULL };

	(void)memcpy(&ret, &param_defaults, HEAD);
	ret.skip_special_token = param_defaults.skip_special_token;
	ret.img_start = "";
	ret.img_end = "";
	ret.img_content = "";
	ret.extend_param = param_defaults.extend_param;
	return ret;
}

int
rkllm_init(
    void **ret_handle, struct rkllm12_param *param, rkllm_result_fn *callback)
{
	const struct rkllm13_callback c = { .result_callback = callback };
	struct rkllm13_param p;
	struct handle_setup s;
	struct fail why;

	if (ret_handle == NULL || param == NULL || callback == NULL)
		return api_answer("rkllm_init",
		    fail_set(&why, ERR_INVALID, NULL,
			"handle, param and callback must not be NULL"),
		    &why);
	p = newer(param);
	s = (struct handle_setup){ &p, &c, param->img_start, param->img_end,
		param->img_content };
	return api_init(ret_handle, &s);
}

static void
put_images(const struct rkllm12_multimodal_input *from,
    struct rkllm13_multimodal_input *to)
{
	to->prompt = from->prompt;
	to->image.image_embed = from->image_embed;
	to->image.n_image_tokens = from->n_image_tokens;
	to->image.n_image = from->n_image;
	to->image.image_width = from->image_width;
	to->image.image_height = from->image_height;
}

static struct rkllm13_input
newer_input(const struct rkllm12_input *from)
{
	struct rkllm13_input ret = { .role = from->role,
		.enable_thinking = from->enable_thinking,
		.input_type = from->input_type };

	if (from->input_type == RKLLM_IN_MULTIMODAL)
		put_images(&from->multimodal_input, &ret.multimodal_input);
	else
		/* The others are the same in both. */
		(void)memcpy(&ret.prompt_input, &from->prompt_input,
		    sizeof(struct rkllm_token_input));
	return ret;
}

/* NULL stays NULL: it is right for a run that is paused. */
static int
run(const char *call, void *handle, const struct rkllm12_input *input,
    const struct rkllm12_infer_param *infer, void *userdata, bool is_waiting)
{
	struct rkllm13_input in = { .role = NULL };
	struct rkllm13_infer_param how = { .mode = 0 };

	if (input != NULL)
		in = newer_input(input);
	if (infer != NULL) {
		how.mode = infer->mode;
		how.lora_params = infer->lora_params;
		how.prompt_cache_params = infer->prompt_cache_params;
		how.keep_history = infer->keep_history;
	}
	return api_run(call, handle, input == NULL ? NULL : &in,
	    infer == NULL ? NULL : &how, userdata, is_waiting);
}

int
rkllm_run(void *handle, struct rkllm12_input *input,
    struct rkllm12_infer_param *infer, void *userdata)
{
	return run("rkllm_run", handle, input, infer, userdata, true);
}

int
rkllm_run_async(void *handle, struct rkllm12_input *input,
    struct rkllm12_infer_param *infer, void *userdata)
{
	return run("rkllm_run_async", handle, input, infer, userdata, false);
}
