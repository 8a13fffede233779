/* The structs of 1.2.1, 1.2.2 and 1.2.3. */
#include "worker/rkllm/lib.h"

#include "rkllm/abi12.h"

static struct rkllm13_sampling_param
sampling_of(const struct rkllm12_param *p)
{
	return (struct rkllm13_sampling_param){ p->top_k, p->top_p,
		p->temperature, p->repeat_penalty, p->frequency_penalty,
		p->presence_penalty, p->mirostat, p->mirostat_tau,
		p->mirostat_eta };
}

static void
use_sampling(struct rkllm12_param *p, const struct rkllm13_sampling_param *s)
{
	p->top_k = s->top_k;
	p->top_p = s->top_p;
	p->temperature = s->temperature;
	p->repeat_penalty = s->repeat_penalty;
	p->frequency_penalty = s->frequency_penalty;
	p->presence_penalty = s->presence_penalty;
	p->mirostat = s->mirostat;
	p->mirostat_tau = s->mirostat_tau;
	p->mirostat_eta = s->mirostat_eta;
}

/* A run's budget is counted by the engine: init's must not be in its way. The
 * userdata comes with each run. */
static int
init12(struct lib *l, struct lib_param *p, rkllm_result_fn *on, void *userdata)
{
	struct rkllm12_param param =
	    ((rkllm12_default_param_fn *)l->createDefaultParam)();

	(void)userdata;
	param.model_path = p->model_path;
	if (p->max_context_len > 0)
		param.max_context_len = p->max_context_len;
	param.max_new_tokens = param.max_context_len;
	param.skip_special_token = p->skip_special_token;
	param.is_async = false;
	if (p->use_cross_attn)
		param.extend_param.use_cross_attn = 1;
	if (p->img_start != NULL)
		param.img_start = p->img_start;
	if (p->img_end != NULL)
		param.img_end = p->img_end;
	if (p->img_content != NULL)
		param.img_content = p->img_content;
	if (p->has_sampling)
		use_sampling(&param, &p->sampling);
	p->max_context_len = param.max_context_len;
	p->sampling = sampling_of(&param);
	return ((rkllm12_init_fn *)l->init)(&l->handle, &param, on);
}

static struct rkllm12_input
input_of(const struct lib_input *in)
{
	struct rkllm12_input r = { .role = in->role,
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
		    (struct rkllm12_multimodal_input){ in->images.prompt,
			    in->images.embed, in->images.n_tokens,
			    in->images.n_images, in->images.width,
			    in->images.height };
		break;
	}
	return r;
}

static int
run12(struct lib *l, const struct lib_input *in, const struct lib_infer *infer,
    void *userdata)
{
	struct rkllm12_input input = input_of(in);
	struct rkllm_lora_param lora = { infer->lora };
	struct rkllm_prompt_cache_param cache = { infer->save_cache,
		infer->cache_path };
	struct rkllm12_infer_param param = {
		.mode = (int32_t)infer->mode,
		.lora_params = infer->lora != NULL ? &lora : NULL,
		.prompt_cache_params =
		    infer->cache_path != NULL ? &cache : NULL,
		.keep_history = infer->keep_history,
	};

	return ((rkllm12_run_fn *)l->run)(l->handle, &input, &param, userdata);
}

const struct lib_abi lib_abi_12 = {
	.init = init12,
	.run = run12,
	.samples_by_run = false,
	.marks_by_run = false,
};
