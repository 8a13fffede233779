#include "submit.h"

#include "param.h"

#include "json/write.h"

#include <string.h>
#include <sys/random.h>

/* What a call may put into the record, while it is made. */
struct draft {
	const struct ask *ask;
	struct gen_submit g;
	struct buf text; /* that g points into */
};

/* Rockchip's sampler knows less than ours: the rest is off. Each string has a
 * place, as if the record had come over a channel. */
static const struct gen_submit blank = {
	.prompt = { "", 0 },
	.messages = { "", 0 },
	.template_kwargs = { "", 0 },
	.tools = { "", 0 },
	.grammar = { "", 0 },
	.json_schema = { "", 0 },
	.dry_breakers = { { "", 0 } },
	.stops = { { "", 0 } },
	.hashes = { "", 0 },
	.add_special = 1,
	.dynatemp_exponent = 1.0f,
	.typical_p = 1.0f,
	.top_n_sigma = -1.0f,
	.xtc_threshold = 0.1f,
	.repeat_last_n = 64,
	.dry_base = 1.75f,
	.dry_allowed_length = 2,
	.resume_mode = RESUME_FAST,
};

static int
use_prompt(struct draft *d, struct fail *why)
{
	const struct rkllm13_input *in = d->ask->input;
	const char *role = in->role;
	struct json_out o = json_out(&d->text);

	if (in->prompt_input == NULL)
		return fail_set(why, ERR_INVALID, "prompt_input",
		    "prompt_input: must not be NULL for input_type 0");
	json_open(&o, '[');
	json_item(&o);
	json_open(&o, '{');
	json_key_cstr(
	    &o, "role", role != NULL && role[0] != '\0' ? role : "user");
	json_key_cstr(&o, "content", in->prompt_input);
	json_close(&o, '}');
	json_close(&o, ']');
	d->g.input = INPUT_CHAT;
	d->g.messages = buf_str(&d->text);
	d->g.enable_thinking = in->enable_thinking;
	return buf_err(&d->text);
}

static int
use_tokens(struct draft *d, struct fail *why)
{
	const struct rkllm_token_input *t = &d->ask->input->token_input;
	int err;

	if (t->input_ids == NULL || t->n_tokens == 0)
		return fail_set(why, ERR_INVALID, "token_input",
		    "token_input: input_ids must not be NULL, n_tokens not 0, "
		    "for input_type 1");
	err = msg_check_length(
	    "token_input.n_tokens", "", t->n_tokens, d->ask->n_ctx, why);
	if (err != 0)
		return err;
	d->g.input = INPUT_TOKENS;
	d->g.tokens = (struct i32s){ t->input_ids, (uint32_t)t->n_tokens };
	return 0;
}

static int
use_embed(struct draft *d, struct fail *why)
{
	(void)d;
	return fail_set(why, ERR_UNSUPPORTED, "input_type",
	    "input_type: 2 (embeddings) is not supported by this version of "
	    "Bulkhead");
}

static int
use_multimodal(struct draft *d, struct fail *why)
{
	(void)d;
	return fail_set(why, ERR_UNSUPPORTED, "input_type",
	    "input_type: 3 (images) is not supported by this version of "
	    "Bulkhead");
}

static int
use_input(struct draft *d, struct fail *why)
{
	static int (*const use[])(struct draft *, struct fail *) = {
		[RKLLM_IN_PROMPT] = use_prompt,
		[RKLLM_IN_TOKEN] = use_tokens,
		[RKLLM_IN_EMBED] = use_embed,
		[RKLLM_IN_MULTIMODAL] = use_multimodal,
	};
	int32_t type = d->ask->input->input_type;

	if (type < 0 || (size_t)type >= sizeof(use) / sizeof(use[0]))
		return fail_set(why, ERR_INVALID, "input_type",
		    "input_type: must be 0 to 3, not %d", type);
	return use[type](d, why);
}

static int
use_sampling(struct draft *d, struct fail *why)
{
	const struct rkllm13_sampling_param *own =
	    d->ask->infer->sampling_params;
	struct rkllm13_sampling_param s =
	    own != NULL ? *own : param_sampling(d->ask->param);
	struct gen_submit *g = &d->g;
	int err = param_check_sampling(&s, why);

	g->top_k = s.top_k;
	g->top_p = s.top_p;
	g->temperature = s.temperature;
	g->repeat_penalty = s.repeat_penalty;
	g->frequency_penalty = s.frequency_penalty;
	g->presence_penalty = s.presence_penalty;
	g->mirostat = (uint8_t)s.mirostat;
	g->mirostat_tau = s.mirostat_tau;
	g->mirostat_eta = s.mirostat_eta;
	return err;
}

/* No seed is known to this interface. */
static int
draw_seed(struct gen_submit *g, struct fail *why)
{
	if (getrandom(&g->seed, sizeof(g->seed), 0) == sizeof(g->seed))
		return 0;
	return fail_set(why, ERR_IO, NULL, "the system gives no random bytes");
}

static int
check_infer(const struct rkllm13_infer_param *in, struct fail *why)
{
	static const char *const modes[] = {
		[RKLLM_MODE_HIDDEN] = "1 (hidden states)",
		[RKLLM_MODE_LOGITS] = "2 (logits)",
	};

	if (in->mode < 0 || in->mode > RKLLM_MODE_LOGITS)
		return fail_set(why, ERR_INVALID, "mode",
		    "mode: must be 0 to 2, not %d", in->mode);
	if (in->keep_history != 0 && in->keep_history != 1)
		return fail_set(why, ERR_INVALID, "keep_history",
		    "keep_history: must be 0 or 1, not %d", in->keep_history);
	if (in->mode != RKLLM_MODE_GENERATE)
		return fail_set(why, ERR_UNSUPPORTED, "mode",
		    "mode: %s is not supported by this version of Bulkhead",
		    modes[in->mode]);
	if (in->keep_history != 0)
		return fail_set(why, ERR_UNSUPPORTED, "keep_history",
		    "keep_history: 1 is not supported by this version of "
		    "Bulkhead");
	if (in->lora_params != NULL)
		return fail_set(why, ERR_UNSUPPORTED, "lora_params",
		    "lora_params: not supported by this version of Bulkhead");
	if (in->prompt_cache_params != NULL)
		return fail_set(why, ERR_UNSUPPORTED, "prompt_cache_params",
		    "prompt_cache_params: not supported by this version of "
		    "Bulkhead");
	return 0;
}

static int
use_infer(struct draft *d, struct fail *why)
{
	const struct rkllm13_param *p = d->ask->param;
	const struct rkllm13_infer_param *in = d->ask->infer;
	int32_t budget = p->max_new_tokens;
	int err = check_infer(in, why);

	if (err == 0)
		err = use_sampling(d, why);
	if (err == 0)
		err = draw_seed(&d->g, why);
	if (in->max_new_tokens > 0)
		budget = in->max_new_tokens;
	d->g.max_tokens = budget > 0 ? (uint32_t)budget : 0;
	d->g.ignore_eos = p->ignore_eos_token;
	d->g.special_text = !p->skip_special_token;
	return err;
}

int
submit_pack(const struct ask *a, struct buf *ret, struct fail *why)
{
	struct draft d = { .ask = a, .g = blank };
	int err;

	if (a->input == NULL || a->infer == NULL)
		return fail_set(why, ERR_INVALID, NULL,
		    "%s: must not be NULL but to resume a run that is paused",
		    a->input == NULL ? "rkllm_input" : "rkllm_infer_params");
	buf_init(&d.text, msg_row(MSG_GEN_SUBMIT)->max);
	d.g.gen = a->gen;
	err = use_infer(&d, why);
	if (err == 0)
		err = use_input(&d, why);
	if (err == 0) {
		layout_pack(&layout_gen_submit, &d.g, ret);
		err = buf_err(ret);
	}
	if (err != 0 && why->code == 0)
		(void)fail_set(why, err, NULL, "%s", err_text(err));
	buf_done(&d.text);
	return err;
}
