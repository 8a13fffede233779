#include "front/rpc/submit.h"

#include "front/params.h"
#include "json/read.h"
#include "json/write.h"

static const struct json_field sampling_fields[] = {
	SAMPLING_FIELDS(rkllm_sampling, ),
};

struct input {
	struct str role;
	bool enable_thinking;
	uint8_t input_type; /* enum rkllm_input_type */
	struct str prompt_input;
	const struct json_value *token_input;
	const struct json_value *embed_input;
	const struct json_value *multimodal_input;
};

static const struct json_field input_fields[] = {
	FIELD(STR, input, , role, 0, 0, NAME_BYTES),
	FIELD(BOOL, input, , enable_thinking, JSON_01, 0, 0),
	FIELD(U8, input, , input_type, 0, 0, RKLLM_INPUT_MULTIMODAL),
	FIELD(STR, input, , prompt_input, 0, 0, 0),
	FIELD(OBJECT, input, , token_input, 0, 0, 0),
	FIELD(OBJECT, input, , embed_input, 0, 0, 0),
	FIELD(OBJECT, input, , multimodal_input, 0, 0, 0),
};

struct tokens {
	const struct json_value *input_ids;
	uint64_t n_tokens; /* UINT64_MAX: not sent */
};

static const struct json_field tokens_fields[] = {
	{ "input_ids", JSON_TO_ARRAY, offsetof(struct tokens, input_ids),
	    JSON_REQUIRED, 1, TOKENS_MAX, NULL },
	FIELD(U64, tokens, , n_tokens, 0, 0, TOKENS_MAX),
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

const struct shape shape_input = SHAPE(input_fields);
const struct shape shape_infer = SHAPE(infer_fields);
static const struct shape shape_sampling = SHAPE(sampling_fields);
static const struct shape shape_tokens = SHAPE(tokens_fields);
static const struct shape shape_lora = SHAPE(lora_fields);
static const struct shape shape_cache = SHAPE(cache_fields);

static int
not_yet(struct fail *f, const char *field, const char *what)
{
	return fail_set(f, ERR_UNSUPPORTED, field,
	    "%s: %s is not supported by this version of Bulkhead", field, what);
}

/* What the tables allow and no worker can do yet. */
static int
check_infer(const struct source *s, const struct infer *in, struct fail *f)
{
	static const char *const modes[] = {
		[RKLLM_INFER_GET_LAST_HIDDEN_LAYER] = "mode 1 (hidden states)",
		[RKLLM_INFER_GET_LOGITS] = "mode 2 (logits)",
	};
	struct extras x = { 0 };
	int err;

	err = fields_read_inner(
	    s, in->lora_params, "lora_params.", &shape_lora, &x, f);
	if (err == 0)
		err = fields_read_inner(s, in->prompt_cache_params,
		    "prompt_cache_params.", &shape_cache, &x, f);
	if (err != 0)
		return err;
	if (in->mode != RKLLM_INFER_GENERATE)
		return not_yet(f, "mode", modes[in->mode]);
	if (x.lora_adapter_name.n > 0)
		return not_yet(f, "lora_params", "a LoRA adapter");
	if (x.save_prompt_cache || x.prompt_cache_path.n > 0)
		return not_yet(f, "prompt_cache_params", "a prompt cache");
	if (in->keep_history)
		return not_yet(f, "keep_history", "1 (a conversation)");
	return 0;
}

static int
put_token(
    struct buf *mem, const struct json_value *v, size_t at, struct fail *f)
{
	char sent[JSON_SHOW_SIZE];
	int64_t id;

	if (!json_i64(v, &id) || id < 0 || id > INT32_MAX)
		return fail_set(f, ERR_INVALID, "token_input.input_ids",
		    "token_input.input_ids[%zu]: must be a token id, a whole "
		    "number from 0, not %s",
		    at, json_show(v, sent));
	buf_put_i32(mem, (int32_t)id);
	return 0;
}

static int
read_tokens(const struct submit *from, const struct json_value *obj,
    struct buf *mem, struct gen_submit *ret, struct fail *f)
{
	struct tokens t = { .n_tokens = UINT64_MAX };
	const struct json_value *v;
	struct json_iter it;
	size_t n = 0;
	int err;

	if (obj == NULL)
		return fail_set(f, ERR_INVALID, "token_input",
		    "token_input: missing; input_type 1 needs it");
	err = fields_read_inner(
	    from->input, obj, "token_input.", &shape_tokens, &t, f);
	if (err != 0)
		return err;
	if (t.n_tokens != UINT64_MAX && t.n_tokens != json_count(t.input_ids))
		return fail_set(f, ERR_INVALID, "token_input.n_tokens",
		    "token_input.n_tokens: is %llu, but input_ids has %zu",
		    (unsigned long long)t.n_tokens, json_count(t.input_ids));
	err = msg_check_length(
	    "prompt_input", "", json_count(t.input_ids), from->n_ctx, f);
	it = json_iter(t.input_ids);
	while (err == 0 && json_next(&it, NULL, &v))
		err = put_token(mem, v, n++, f);
	if (err == 0)
		err = buf_err(mem);
	ret->input = INPUT_TOKENS;
	ret->tokens.p = (const int32_t *)(const void *)buf_data(mem);
	ret->tokens.n = (uint32_t)n;
	return err;
}

static int
put_message(const struct input *in, struct buf *mem, struct gen_submit *ret,
    struct fail *f)
{
	struct json_out o = json_out(mem);

	if (in->prompt_input.p == NULL)
		return fail_set(f, ERR_INVALID, "prompt_input",
		    "prompt_input: missing; input_type 0 needs it");
	json_open(&o, '[');
	json_item(&o);
	json_open(&o, '{');
	json_key_str(&o, "role", in->role.n > 0 ? in->role : STR("user"));
	json_key_str(&o, "content", in->prompt_input);
	json_close(&o, '}');
	json_close(&o, ']');
	ret->input = INPUT_CHAT;
	ret->messages = buf_str(mem);
	ret->enable_thinking = in->enable_thinking;
	return buf_err(mem);
}

static int
read_input(const struct submit *from, struct buf *mem, struct gen_submit *ret,
    struct fail *f)
{
	struct input in = { 0 };
	int err = fields_read(from->input, &shape_input, &in, f);

	if (err != 0)
		return err;
	switch ((enum rkllm_input_type)in.input_type) {
	case RKLLM_INPUT_PROMPT:
		return put_message(&in, mem, ret, f);
	case RKLLM_INPUT_TOKEN:
		return read_tokens(from, in.token_input, mem, ret, f);
	case RKLLM_INPUT_EMBED:
		return not_yet(f, "input_type", "2 (embeddings)");
	case RKLLM_INPUT_MULTIMODAL:
		return not_yet(f, "input_type", "3 (images)");
	}
	return ERR_INTERNAL;
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

static int
read_infer(const struct source *s, const struct rkllm_param *p,
    struct gen_submit *ret, struct gen_times *times, struct fail *f)
{
	struct infer in = { .seed = UINT64_MAX, .resume = STR("") };
	struct rkllm_sampling sampling = p->sampling;
	int32_t budget;
	int err = fields_read(s, &shape_infer, &in, f);

	if (err == 0)
		err = fields_read_inner(s, in.sampling_params,
		    "sampling_params.", &shape_sampling, &sampling, f);
	if (err == 0)
		err = check_infer(s, &in, f);
	if (err == 0)
		err = params_resume("resume", in.resume, &ret->resume_mode, f);
	if (err != 0)
		return err;
	budget = in.max_new_tokens > 0 ? in.max_new_tokens : p->max_new_tokens;
	ret->max_tokens = budget > 0 ? (uint32_t)budget : 0;
	ret->seed = in.seed;
	*times = (struct gen_times){ .queue_ms = in.queue_timeout_ms,
		.first_ms = in.first_token_timeout_ms,
		.total_ms = in.timeout_ms,
		.predict_ms = in.t_max_predict_ms };
	use_sampling(&sampling, ret);
	return 0;
}

int
submit_read(const struct submit *s, struct buf *mem, struct gen_submit *ret,
    struct gen_times *times, struct fail *f)
{
	const struct rkllm_param *p = s->param;
	int err;

	params_default(ret);
	ret->special_text = !p->skip_special_token;
	ret->ignore_eos = p->ignore_eos_token;
	err = read_infer(s->infer, p, ret, times, f);
	if (err == 0)
		err = read_input(s, mem, ret, f);
	if (err != 0 && f->code == 0)
		(void)fail_set(f, err, NULL, "%s", err_text(err));
	return err;
}
