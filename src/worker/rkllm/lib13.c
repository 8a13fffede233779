/* The structs of 1.3.0. */
#include "worker/rkllm/lib.h"

#include "rkllm/abi13.h"

static struct rkllm13_sampling_param
sampling_of(const struct rkllm13_param *p)
{
	return (struct rkllm13_sampling_param){ p->top_k, p->top_p,
		p->temperature, p->repeat_penalty, p->frequency_penalty,
		p->presence_penalty, p->mirostat, p->mirostat_tau,
		p->mirostat_eta };
}

static int
init13(struct lib *l, struct lib_param *p, rkllm_result_fn *on, void *userdata)
{
	struct rkllm13_param param =
	    ((rkllm13_default_param_fn *)l->createDefaultParam)();
	/* It may keep the pointer. */
	static struct rkllm13_callback callback;

	callback = (struct rkllm13_callback){ .result_callback = on,
		.result_userdata = userdata };
	param.model_path = p->model_path;
	if (p->max_context_len > 0)
		param.max_context_len = p->max_context_len;
	param.max_new_tokens = param.max_context_len;
	param.skip_special_token = p->skip_special_token;
	param.is_async = false;
	if (p->use_cross_attn)
		param.extend_param.use_cross_attn = 1;
	p->max_context_len = param.max_context_len;
	p->sampling = sampling_of(&param);
	return ((rkllm13_init_fn *)l->init)(&l->handle, &param, &callback);
}

static struct rkllm13_input
input_of(const struct lib_input *in)
{
	struct rkllm13_input r = { .role = in->role,
		.enable_thinking = in->enable_thinking,
		.input_type = (int32_t)in->type };

	switch (in->type) {
	case RKLLM_IN_PROMPT:
		r.prompt_input = in->prompt;
		break;
	case RKLLM_IN_TOKEN:
		r.token_input = in->tokens;
		break;
	case RKLLM_IN_EMBED:
		r.embed_input = in->embed;
		break;
	case RKLLM_IN_MULTIMODAL:
		r.multimodal_input =
		    (struct rkllm13_multimodal_input){ in->images.prompt,
			    { in->images.embed, in->images.n_tokens,
				in->images.n_images, in->images.start,
				in->images.end, in->images.content,
				in->images.width, in->images.height },
			    { 0 } };
		break;
	}
	return r;
}

static int
run13(struct lib *l, const struct lib_input *in, const struct lib_infer *infer,
    void *userdata)
{
	struct rkllm13_input input = input_of(in);
	struct rkllm_lora_param lora = { infer->lora };
	struct rkllm_prompt_cache_param cache = { infer->save_cache,
		infer->cache_path };
	struct rkllm13_sampling_param sampling = { 0 };
	struct rkllm13_infer_param param = {
		.mode = (int32_t)infer->mode,
		.lora_params = infer->lora != NULL ? &lora : NULL,
		.prompt_cache_params =
		    infer->cache_path != NULL ? &cache : NULL,
		.keep_history = infer->keep_history,
		.max_new_tokens = infer->max_new_tokens,
	};

	if (infer->sampling != NULL) {
		sampling = *infer->sampling;
		param.sampling_params = &sampling;
	}
	return ((rkllm13_run_fn *)l->run)(l->handle, &input, &param, userdata);
}

const struct lib_abi lib_abi_13 = {
	.init = init13,
	.run = run13,
	.samples_by_run = true,
	.marks_by_run = true,
};
