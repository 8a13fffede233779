#include "submit.h"

#include "param.h"

#include <math.h>
#include <sys/random.h>

/* What a call may put into the record, while it is made. */
struct draft {
	const struct ask *ask;
	struct gen_submit g;
	struct buf text;   /* that g points into */
	struct buf joined; /* the same: embeddings, with a conversation's */
};

/* Rockchip's sampler knows less than ours: the rest is off. Each string has a
 * place, as if the record had come over a channel. */
static const struct gen_submit blank = {
	.prompt = { "", 0 },
	.messages = { "", 0 },
	.system = { "", 0 },
	.template_kwargs = { "", 0 },
	.tools = { "", 0 },
	.grammar = { "", 0 },
	.json_schema = { "", 0 },
	.dry_breakers = { { "", 0 } },
	.stops = { { "", 0 } },
	.hashes = { "", 0 },
	.embeds = { "", 0 },
	.image_start = { "", 0 },
	.image_end = { "", 0 },
	.image_mark = { "", 0 },
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
	const struct style_said said = { str_of(in->role),
		str_of(in->prompt_input), in->enable_thinking };

	if (in->prompt_input == NULL)
		return fail_set(why, ERR_INVALID, "prompt_input",
		    "prompt_input: must not be NULL for input_type 0");
	return style_message(d->ask->style, &said, &d->text, &d->g);
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
use_rows(struct draft *d, const float *rows, uint64_t n, const char *field,
    struct fail *why)
{
	uint32_t width = d->ask->n_embd;
	int err;

	if (width == 0)
		return fail_set(why, ERR_UNSUPPORTED, field,
		    "%s: this model takes no embeddings", field);
	if (rows == NULL || n == 0)
		return fail_set(why, ERR_INVALID, field,
		    "%s: must not be NULL, nor have no rows", field);
	err = msg_check_length(field, "", n, d->ask->n_ctx, why);
	for (uint64_t i = 0; err == 0 && i < n * width; i++)
		if (!isfinite(rows[i]))
			err = fail_set(why, ERR_INVALID, field,
			    "%s[%llu]: must be a number, not %g", field,
			    (unsigned long long)i, (double)rows[i]);
	d->g.embeds =
	    (struct str){ (const char *)rows, n * width * sizeof(*rows) };
	return err;
}

static int
use_embed(struct draft *d, struct fail *why)
{
	const struct rkllm_embed_input *e = &d->ask->input->embed_input;

	d->g.input = INPUT_EMBEDS;
	return use_rows(d, e->embed, e->n_tokens, "embed_input.embed", why);
}

/* The input's own, or init's. */
static struct str
mark(const char *own, const char *inits)
{
	return str_of(own != NULL && own[0] != '\0' ? own : inits);
}

#define IMAGES "multimodal_input.image_embed"

static int
use_images(struct draft *d, const struct rkllm13_multimodal_input *in,
    struct fail *why)
{
	const struct marks *m = d->ask->marks;
	size_t most = UINT16_MAX;

	if (in->image.n_image == 0 || in->image.n_image > most)
		return fail_set(why, ERR_INVALID, "multimodal_input.n_image",
		    "multimodal_input.n_image: must be 1 to %zu, not %zu", most,
		    in->image.n_image);
	if (in->image.n_image_tokens > UINT32_MAX)
		return fail_set(why, ERR_CONTEXT, IMAGES,
		    "multimodal_input.n_image_tokens: longer than any context");
	d->g.n_images = (uint32_t)in->image.n_image;
	d->g.n_image_embeds = (uint32_t)in->image.n_image_tokens;
	d->g.image_start = mark(in->image.image_start, m->start);
	d->g.image_end = mark(in->image.image_end, m->end);
	d->g.image_mark = mark(in->image.image_content, m->content);
	return use_rows(d, in->image.image_embed,
	    (uint64_t)in->image.n_image * in->image.n_image_tokens, IMAGES,
	    why);
}

static int
use_multimodal(struct draft *d, struct fail *why)
{
	const struct rkllm13_input *in = d->ask->input;
	const struct rkllm13_multimodal_input *m = &in->multimodal_input;
	const struct style_said said = { str_of(in->role), str_of(m->prompt),
		in->enable_thinking };
	int err;

	if (m->prompt == NULL)
		return fail_set(why, ERR_INVALID, "multimodal_input.prompt",
		    "multimodal_input.prompt: must not be NULL");
	if (m->video.video_embed != NULL || m->video.n_video > 0)
		return fail_set(why, ERR_UNSUPPORTED, "multimodal_input.video",
		    "multimodal_input.video: this engine takes images only");
	err = use_images(d, m, why);
	return err != 0 ? err
			: style_message(d->ask->style, &said, &d->text, &d->g);
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
	if (in->mode < 0 || in->mode > RKLLM_MODE_LOGITS)
		return fail_set(why, ERR_INVALID, "mode",
		    "mode: must be 0 to 2, not %d", in->mode);
	if (in->keep_history != 0 && in->keep_history != 1)
		return fail_set(why, ERR_INVALID, "keep_history",
		    "keep_history: must be 0 or 1, not %d", in->keep_history);
	return 0;
}

static void
use_budget(struct draft *d)
{
	const struct rkllm13_param *p = d->ask->param;
	int32_t own = d->ask->infer->max_new_tokens;
	int32_t budget = own > 0 ? own : p->max_new_tokens;

	d->g.max_tokens = budget > 0 ? (uint32_t)budget : 0;
	d->g.n_keep = p->n_keep;
	/* As Rockchip's: what is full goes on, with less behind it. */
	d->g.may_shift = budget > 0;
}

static int
use_infer(struct draft *d, struct fail *why)
{
	const struct rkllm13_param *p = d->ask->param;
	const struct rkllm13_infer_param *in = d->ask->infer;
	int err = check_infer(in, why);

	if (err == 0 && in->lora_params != NULL)
		err = lora_pick(d->ask->loras,
		    in->lora_params->lora_adapter_name, &d->g.adapters, why);
	if (err == 0)
		err = use_sampling(d, why);
	if (err == 0)
		err = draw_seed(&d->g, why);
	if (err != 0)
		return err;
	use_budget(d);
	d->g.mode = (uint8_t)in->mode;
	if (in->mode == RKLLM_MODE_GENERATE)
		d->g.cache = d->ask->prompt_cache;
	d->g.ignore_eos = p->ignore_eos_token;
	d->g.special_text = !p->skip_special_token;
	return 0;
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
	buf_init(&d.joined, msg_row(MSG_GEN_SUBMIT)->max);
	d.g.gen = a->gen;
	err = use_infer(&d, why);
	if (err == 0)
		err = use_input(&d, why);
	if (err == 0 && a->infer->keep_history != 0)
		err = talk_fill(a->talk, &d.joined, &d.g);
	if (err == 0) {
		layout_pack(&layout_gen_submit, &d.g, ret);
		err = buf_err(ret);
	}
	if (err != 0 && why->code == 0)
		(void)fail_set(why, err, NULL, "%s", err_text(err));
	buf_done(&d.text);
	buf_done(&d.joined);
	return err;
}
