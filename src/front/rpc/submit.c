#include "front/rpc/submit.h"

#include "front/params.h"
#include "front/rpc/adapter.h"
#include "front/rpc/cross.h"
#include "front/rpc/input.h"
#include "json/read.h"

static const struct json_field sampling_fields[] = {
	SAMPLING_FIELDS(rkllm_sampling, ),
};

struct infer {
	uint8_t mode; /* enum rkllm_infer_mode */
	const struct json_value *lora_params;
	const struct json_value *prompt_cache_params;
	uint8_t keep_history;
	const struct json_value *sampling_params;
	int32_t max_new_tokens;
	uint64_t seed; /* ours, as those below: UINT64_MAX is drawn */
	uint32_t timeout_ms;
	uint32_t queue_timeout_ms;
	uint32_t first_token_timeout_ms;
	uint32_t t_max_predict_ms;
	struct str resume; /* "": the server's */
	struct str arrays; /* "": json */
};

static const struct json_field infer_fields[] = {
	FIELD(U8, infer, , mode, 0, 0, RKLLM_INFER_GET_LOGITS),
	FIELD(OBJECT, infer, , lora_params, 0, 0, 0),
	FIELD(OBJECT, infer, , prompt_cache_params, 0, 0, 0),
	FIELD(U8, infer, , keep_history, JSON_01, 0, 1),
	FIELD(OBJECT, infer, , sampling_params, 0, 0, 0),
	FIELD(I32, infer, , max_new_tokens, 0, -1, TOKENS_MAX),
	FIELD(U64, infer, , seed, 0, 0, 0),
	FIELD(U32, infer, , timeout_ms, 0, 0, 0),
	FIELD(U32, infer, , queue_timeout_ms, 0, 0, 0),
	FIELD(U32, infer, , first_token_timeout_ms, 0, 0, 0),
	FIELD(U32, infer, , t_max_predict_ms, 0, 0, 0),
	FIELD(STR, infer, , resume, 0, 0, NAME_BYTES),
	FIELD(STR, infer, , arrays, 0, 0, NAME_BYTES),
};

/* What stands in lora_params and prompt_cache_params. */
struct extras {
	struct str lora_adapter_name;
	uint8_t save_prompt_cache;
	struct str prompt_cache_path;
};

static const struct json_field lora_fields[] = {
	FIELD(STR, extras, , lora_adapter_name, 0, 0, NAME_BYTES),
};

static const struct json_field cache_fields[] = {
	FIELD(U8, extras, , save_prompt_cache, JSON_01, 0, 1),
	FIELD(STR, extras, , prompt_cache_path, 0, 0, PATH_BYTES),
};

const struct shape shape_infer = SHAPE(infer_fields);
static const struct shape shape_sampling = SHAPE(sampling_fields);
static const struct shape shape_lora = SHAPE(lora_fields);
static const struct shape shape_cache = SHAPE(cache_fields);

/* A path that nothing is saved to means nothing, as in Rockchip's library. */
static int
read_save(const struct infer *in, const struct extras *x, struct str *ret,
    struct fail *f)
{
	*ret = STR("");
	if (!x->save_prompt_cache)
		return 0;
	if (x->prompt_cache_path.n == 0)
		return fail_set(f, ERR_INVALID,
		    "prompt_cache_params.prompt_cache_path",
		    "prompt_cache_params.prompt_cache_path: missing; "
		    "save_prompt_cache 1 needs it");
	if (in->mode != RKLLM_INFER_GENERATE)
		return fail_set(f, ERR_INVALID, "prompt_cache_params",
		    "prompt_cache_params: a prompt is saved in mode 0 only");
	*ret = x->prompt_cache_path;
	return 0;
}

static int
check_infer(const struct source *s, const struct infer *in,
    const struct list *adapters, struct gen_submit *ret, struct str *ret_save,
    struct fail *f)
{
	struct extras x = { 0 };
	int err;

	err = fields_read_inner(
	    s, in->lora_params, "lora_params.", &shape_lora, &x, f);
	if (err == 0)
		err = fields_read_inner(s, in->prompt_cache_params,
		    "prompt_cache_params.", &shape_cache, &x, f);
	if (err != 0)
		return err;
	err = read_save(in, &x, ret_save, f);
	if (err != 0)
		return err;
	return adapter_pick(adapters, x.lora_adapter_name, &ret->adapters, f);
}

static void
use_sampling(const struct rkllm_sampling *s, struct gen_submit *ret)
{
	ret->top_k = s->top_k;
	ret->top_p = s->top_p;
	ret->temperature = s->temperature;
	ret->repeat_penalty = s->repeat_penalty;
	ret->frequency_penalty = s->frequency_penalty;
	ret->presence_penalty = s->presence_penalty;
	ret->mirostat = (uint8_t)s->mirostat;
	ret->mirostat_tau = s->mirostat_tau;
	ret->mirostat_eta = s->mirostat_eta;
	/* Rockchip's sampler has none of these. */
	ret->min_p = 0.0f;
}

/* enum rkllm_infer_mode as enum gen_mode. */
static const uint8_t modes[] = {
	[RKLLM_INFER_GENERATE] = MODE_GENERATE,
	[RKLLM_INFER_GET_LAST_HIDDEN_LAYER] = MODE_HIDDEN,
	[RKLLM_INFER_GET_LOGITS] = MODE_LOGITS,
};

static int
read_arrays(struct str form, bool *ret_memfd, struct fail *f)
{
	*ret_memfd = str_is(form, "memfd");
	if (*ret_memfd || form.n == 0 || str_is(form, "json"))
		return 0;
	return fail_set(f, ERR_INVALID, "arrays",
	    "arrays: must be \"json\" or \"memfd\", not \"%.*s\"",
	    form.n < 64 ? (int)form.n : 64, form.p);
}

static int
read_infer(const struct source *s, const struct rkllm_param *p,
    const struct list *adapters, struct gen_submit *ret,
    struct submit_about *about, struct fail *f)
{
	struct infer in = { .seed = UINT64_MAX, .resume = STR("") };
	struct rkllm_sampling sampling = p->sampling;
	int32_t budget;
	int err = fields_read(s, &shape_infer, &in, f);

	if (err == 0)
		err = fields_read_inner(s, in.sampling_params,
		    "sampling_params.", &shape_sampling, &sampling, f);
	if (err == 0)
		err = check_infer(s, &in, adapters, ret, &about->save, f);
	if (err == 0)
		err = params_resume("resume", in.resume, &ret->resume_mode, f);
	if (err == 0)
		err = read_arrays(in.arrays, &about->wants_memfd, f);
	if (err != 0)
		return err;
	budget = in.max_new_tokens > 0 ? in.max_new_tokens : p->max_new_tokens;
	ret->max_tokens = budget > 0 ? (uint32_t)budget : 0;
	ret->seed = in.seed;
	ret->n_keep = p->n_keep;
	/* As Rockchip's: what is full goes on, with less behind it. */
	ret->mode = modes[in.mode];
	ret->may_shift = ret->mode == MODE_GENERATE && ret->max_tokens > 0;
	about->is_turn = ret->mode == MODE_GENERATE && in.keep_history;
	about->times = (struct gen_times){ .queue_ms = in.queue_timeout_ms,
		.first_ms = in.first_token_timeout_ms,
		.total_ms = in.timeout_ms,
		.predict_ms = in.t_max_predict_ms };
	use_sampling(&sampling, ret);
	return 0;
}

void
submit_mem_init(struct submit_mem *m)
{
	size_t max = msg_row(MSG_GEN_SUBMIT)->max;

	buf_init(&m->text, max);
	buf_init(&m->numbers, max);
	buf_init(&m->joined, max);
}

void
submit_mem_done(struct submit_mem *m)
{
	buf_done(&m->text);
	buf_done(&m->numbers);
	buf_done(&m->joined);
}

int
submit_read(const struct submit *s, struct submit_mem *mem,
    struct gen_submit *ret, struct submit_about *about, struct fail *f)
{
	const struct rkllm_param *p = s->param;
	int err;

	params_default(ret);
	ret->special_text = !p->skip_special_token;
	ret->ignore_eos = p->ignore_eos_token;
	err = read_infer(s->infer, p, s->adapters, ret, about, f);
	if (err == 0)
		err = input_read(s, mem, ret, f);
	cross_fill(s->cross, ret);
	if (err != 0 && f->code == 0)
		(void)fail_set(f, err, NULL, "%s", err_text(err));
	return err;
}
