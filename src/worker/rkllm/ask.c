#include "worker/rkllm/ask.h"
#include "wire/i32s.h"

#include "worker/rkllm/said.h"

#include "worker/knobs.h"

#include <stdlib.h>

#define NUMBERS_MAX (128u << 20) /* bytes of a conversation's numbers */

/* A number that the library does not have, and the values that change nothing
 * or that a client sends without a word. */
struct lacking {
	const char *name;
	size_t off;
	float off_value;
	float by_default;
};

#define LACKING(name, off_value, by_default)                         \
	{                                                            \
#name, offsetof(struct gen_submit, name), off_value, \
		    by_default                                       \
	}

static const struct lacking floats[] = {
	LACKING(min_p, 0, 0.05f),
	LACKING(typical_p, 1, 1),
	LACKING(top_n_sigma, -1, -1),
	LACKING(xtc_probability, 0, 0),
	LACKING(dynatemp_range, 0, 0),
	LACKING(dry_multiplier, 0, 0),
};

static int
refuse(struct fail *why, const char *field)
{
	return fail_set(why, ERR_UNSUPPORTED, field,
	    "%s: Rockchip's library, which computes this model, has nothing "
	    "like it; leave it out",
	    field);
}

static int
check_numbers(const struct gen_submit *g, struct fail *why)
{
	for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++) {
		const struct lacking *l = &floats[i];
		float v =
		    *(const float *)(const void *)((const char *)g + l->off);

		if (v < l->off_value || v > l->off_value) {
			if (v < l->by_default || v > l->by_default)
				return refuse(why, l->name);
		}
	}
	return 0;
}

static int
check_lacking(const struct gen_submit *g, struct fail *why)
{
	const struct {
		bool is_asked;
		const char *field;
	} all[] = {
		{ g->grammar.n > 0, "grammar" },
		{ g->json_schema.n > 0, "response_format" },
		{ g->tools.n > 0 && !g->plain_calls, "tools" },
		{ g->adapters.n > 1, "lora" },
		{ g->logit_bias.n > 0, "logit_bias" },
		{ g->want_logprobs != 0, "logprobs" },
		{ g->ignore_eos != 0, "ignore_eos" },
		{ g->template_kwargs.n > 2, "chat_template_kwargs" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].is_asked)
			return refuse(why, all[i].field);
	return check_numbers(g, why);
}

static void
take_sampling(struct ask *a, const struct gen_submit *g)
{
	a->sampling = (struct rkllm13_sampling_param){
		.top_k = g->top_k,
		.top_p = g->top_p,
		.temperature = g->temperature,
		.repeat_penalty = g->repeat_penalty,
		.frequency_penalty = g->frequency_penalty,
		.presence_penalty = g->presence_penalty,
		.mirostat = g->mirostat,
		.mirostat_tau = g->mirostat_tau,
		.mirostat_eta = g->mirostat_eta,
	};
	/* What 0 means here, its sampler has not: the likeliest token. */
	if (g->temperature <= 0) {
		a->sampling.top_k = 1;
		a->sampling.temperature = 1;
	}
}

struct i32s
ask_prompt(const struct ask *a)
{
	return i32s_in(&a->prompt);
}

/* All of it for a setup of texts; false: no memory. Where images of a
 * conversation have other marks than those of now, these count. */
static bool
use_texts(struct ask *a, const struct gen_submit *g)
{
	const struct lib_images *im = pieces_last_images(&a->pieces);
	const struct str all[SETUP_TEXTS] = {
		[SETUP_SYSTEM] = g->system,
		[SETUP_FUNCTIONS] = g->tools,
		[SETUP_RESPONSE] = g->tool_mark,
		[SETUP_START] = str_of(im != NULL ? im->start : ""),
		[SETUP_END] = str_of(im != NULL ? im->end : ""),
		[SETUP_CONTENT] = str_of(im != NULL ? im->content : ""),
	};

	for (int i = 0; i < SETUP_TEXTS; i++) {
		a->setup.text[i] = str_dup(all[i]);
		if (a->setup.text[i] == NULL)
			return false;
	}
	return true;
}

/* What init has to have been told, or the library is told first. */
static int
take_setup(struct ask *a, const struct gen_submit *g, bool marks_by_run)
{
	a->setup.kind = g->input == INPUT_PROMPT ? SETUP_OWN
	    : g->tools.n > 0			 ? SETUP_TOOLS
						 : SETUP_MODEL;
	a->setup.has_marks =
	    !marks_by_run && pieces_last_images(&a->pieces) != NULL;
	a->setup.has_cross = g->cross_keys.n > 0;
	if (!use_texts(a, g))
		return ERR_NOMEM;
	a->job.setup = a->setup;
	return 0;
}

/* Four arrays, one after the other. */
static int
take_cross(struct ask *a, const struct gen_submit *g, struct fail *why)
{
	const struct str pos = { (const char *)g->cross_pos.p,
		g->cross_pos.n * sizeof(int32_t) };
	const struct str all[] = { g->cross_keys, g->cross_values,
		g->cross_mask, pos };
	uint32_t n = g->cross_pos.n;
	float *at;

	if (g->cross_keys.n == 0)
		return 0;
	if (n == 0 || g->cross_mask.n != pos.n ||
	    g->cross_keys.n != g->cross_values.n ||
	    g->cross_keys.n % pos.n != 0)
		return fail_set(why, ERR_INVALID, "cross_attn_params",
		    "cross_attn_params: its arrays have lengths that do not "
		    "agree");
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		buf_put_str(&a->cross, all[i]);
	at = (float *)(void *)(uintptr_t)buf_data(&a->cross);
	if (buf_err(&a->cross) != 0)
		return buf_err(&a->cross);
	n = (uint32_t)(g->cross_keys.n / sizeof(float));
	a->job.cross = (struct rkllm_cross_attn_param){
		.encoder_k_cache = at,
		.encoder_v_cache = at + n,
		.encoder_mask = at + 2 * (size_t)n,
		.encoder_pos =
		    (int32_t *)(void *)(at + 2 * (size_t)n + g->cross_pos.n),
		.num_tokens = (int32_t)g->cross_pos.n,
	};
	return 0;
}

static void
make_job(struct ask *a, const struct gen_submit *g)
{
	static const enum rkllm_mode modes[] = {
		[MODE_GENERATE] = RKLLM_MODE_GENERATE,
		[MODE_HIDDEN] = RKLLM_MODE_HIDDEN,
		[MODE_LOGITS] = RKLLM_MODE_LOGITS,
	};
	uint32_t n;
	const struct lib_input *all = pieces_all(&a->pieces, &n);

	a->job.parts = all;
	a->job.n_parts = n - 1;
	a->job.input = &all[n - 1];
	a->job.row = g->rows_done;
	a->job.n_row = a->pieces.n_row;
	a->job.infer = (struct lib_infer){
		.mode = modes[g->mode],
		.keep_history = n > 1 || a->key != 0,
		.max_new_tokens = (int32_t)(a->max_out - g->done.n),
		.sampling = &a->sampling,
	};
	if (g->adapters.n == 1)
		a->lora = (struct ask_lora){ (uint32_t)g->adapters.p[0].token,
			g->adapters.p[0].bias };
}

/* The front counts what it was told of the prompt. */
static int
count_out(
    struct ask *a, const struct gen_submit *g, uint32_t n_ctx, struct fail *why)
{
	uint32_t n = ask_prompt(a).n;
	int err = msg_check_length("prompt", "", n, n_ctx, why);

	if (err != 0)
		return err;
	if ((g->input == INPUT_TOKENS || g->input == INPUT_EMBEDS) &&
	    a->key == 0)
		a->n_prompt = n;
	a->max_out = n_ctx - n;
	if (g->max_tokens > 0 && g->max_tokens < a->max_out)
		a->max_out = g->max_tokens;
	return g->done.n <= a->max_out
	    ? 0
	    : fail_set(why, ERR_INVALID, "done",
		  "done: %u tokens, but it was over after %u", g->done.n,
		  a->max_out);
}

static int
check(const struct ask *a, const struct gen_submit *g, struct fail *why)
{
	int err = knobs_check(g, INT32_MAX, why);

	if (err == 0 && g->mode >= MODE_COUNT)
		err = fail_set(
		    why, ERR_INVALID, "mode", "mode: there is no %u", g->mode);
	/* How many rows a text has, only the library knows. */
	if (err == 0 && g->mode != MODE_GENERATE && a->key != 0)
		err = fail_set(why, ERR_UNSUPPORTED, "keep_history",
		    "keep_history: not with modes 1 and 2 on this model's "
		    "engine");
	if (err == 0)
		err = knobs_check_tokens(g->done, MEMO_WORDS, "done", why);
	if (err == 0 && g->cache_key == 0 && g->history.n > 0)
		err = fail_set(
		    why, ERR_INVALID, "history", "history: of no conversation");
	return err != 0 ? err : check_lacking(g, why);
}

int
ask_make(struct ask *a, const struct gen_submit *g, const struct ask_of *of,
    struct fail *why)
{
	int err;

	*a = (struct ask){ .key = g->cache_key };
	buf_init(&a->prompt, NUMBERS_MAX);
	buf_init(&a->cross, NUMBERS_MAX);
	pieces_init(&a->pieces);
	err = check(a, g, why);
	if (err == 0)
		err = said_put(a, g, of->kept, why);
	if (err == 0)
		pieces_tokens(&a->pieces, g->done);
	if (err == 0)
		err = buf_err(&a->prompt);
	if (err == 0)
		err = pieces_err(&a->pieces);
	if (err == 0)
		err = take_setup(a, g, of->marks_by_run);
	if (err == 0)
		err = take_cross(a, g, why);
	if (err == 0)
		err = count_out(a, g, of->n_ctx, why);
	if (err != 0)
		return why->code != 0
		    ? err
		    : fail_set(why, err, NULL, "%s", err_text(err));
	take_sampling(a, g);
	make_job(a, g);
	return 0;
}

void
ask_done(struct ask *a)
{
	setup_done(&a->setup);
	pieces_done(&a->pieces);
	buf_done(&a->prompt);
	buf_done(&a->cross);
}
