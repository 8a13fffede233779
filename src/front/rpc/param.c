/*
 * Theory: each struct of rkllm.h is a table of json_fields. A client may leave
 * out any field and send null for it, as C programs do with pointers; numbers
 * are checked against what the sampler can use, not against taste. Strings are
 * not copied: a request's text outlives the call that reads it, and what is
 * kept of an init (struct rkllm_param) drops its strings.
 */
#include "front/rpc/param.h"

#include "front/params.h"
#include "json/write.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* More tokens than any count can mean. */
#define TOKENS_MAX (1 << 24)
#define PATH_BYTES 4096
#define NAME_BYTES 256

/* clang-format would tear these two apart. */
/* clang-format off */

/* The member at offsetof(struct type, in name). */
#define FIELD(kind, type, in, name, flags, min, max)             \
	{ #name, JSON_TO_##kind, offsetof(struct type, in name), \
	    (flags) | JSON_NULLABLE, min, max, NULL }

/* A penalty of 0 would divide logits by zero. */
#define SAMPLING_FIELDS(type, in)                              \
	FIELD(I32, type, in, top_k, 0, -1, 1000000),           \
	FIELD(F32, type, in, top_p, 0, 0, 1),                  \
	FIELD(F32, type, in, temperature, 0, 0, 100),          \
	FIELD(F32, type, in, repeat_penalty, 0, 0.01, 100),    \
	FIELD(F32, type, in, frequency_penalty, 0, -100, 100), \
	FIELD(F32, type, in, presence_penalty, 0, -100, 100),  \
	FIELD(I32, type, in, mirostat, 0, 0, 2),               \
	FIELD(F32, type, in, mirostat_tau, 0, 0, 100),         \
	FIELD(F32, type, in, mirostat_eta, 0, 0, 100)

/* clang-format on */

/* RKLLMExtendParam: what steers an NPU. */
struct extend {
	int32_t base_domain_id;
	uint8_t embed_flash;
	uint8_t enabled_cpus_num;
	uint32_t enabled_cpus_mask;
	uint8_t n_batch;
	uint8_t use_cross_attn;
	const struct json_value *reserved;
};

static const struct json_field extend_fields[] = {
	FIELD(I32, extend, , base_domain_id, 0, 0, 0),
	FIELD(U8, extend, , embed_flash, JSON_01, 0, 1),
	FIELD(U8, extend, , enabled_cpus_num, 0, 0, 127),
	FIELD(U32, extend, , enabled_cpus_mask, 0, 0, 0),
	FIELD(U8, extend, , n_batch, 0, 0, 255),
	FIELD(U8, extend, , use_cross_attn, JSON_01, 0, 1),
	FIELD(ANY, extend, , reserved, 0, 0, 0),
};

static const struct json_field param_fields[] = {
	FIELD(STR, rkllm_param, , model_path, 0, 0, PATH_BYTES),
	FIELD(I32, rkllm_param, , max_context_len, 0, 0, TOKENS_MAX),
	FIELD(I32, rkllm_param, , max_new_tokens, 0, -1, TOKENS_MAX),
	FIELD(I32, rkllm_param, , n_keep, 0, -1, TOKENS_MAX),
	SAMPLING_FIELDS(rkllm_param, sampling.),
	FIELD(BOOL, rkllm_param, , skip_special_token, JSON_01, 0, 0),
	FIELD(BOOL, rkllm_param, , ignore_eos_token, JSON_01, 0, 0),
	FIELD(BOOL, rkllm_param, , is_async, JSON_01, 0, 0),
	FIELD(STR, rkllm_param, , img_start, 0, 0, NAME_BYTES),
	FIELD(STR, rkllm_param, , img_end, 0, 0, NAME_BYTES),
	FIELD(STR, rkllm_param, , img_content, 0, 0, NAME_BYTES),
	FIELD(OBJECT, rkllm_param, , extend_param, 0, 0, 0),
};

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
	uint64_t n_tokens;
};

static const struct json_field tokens_fields[] = {
	{ "input_ids", JSON_TO_ARRAY, offsetof(struct tokens, input_ids),
	    JSON_REQUIRED, 1, TOKENS_MAX, NULL },
	FIELD(U64, tokens, , n_tokens, 0, 0, 0),
};

struct infer {
	uint8_t mode; /* enum rkllm_infer_mode */
	const struct json_value *lora_params;
	const struct json_value *prompt_cache_params;
	uint8_t keep_history;
	const struct json_value *sampling_params;
	int32_t max_new_tokens;
	uint64_t seed; /* ours: UINT64_MAX is drawn */
};

static const struct json_field infer_fields[] = {
	FIELD(U8, infer, , mode, 0, 0, RKLLM_INFER_GET_LOGITS),
	FIELD(OBJECT, infer, , lora_params, 0, 0, 0),
	FIELD(OBJECT, infer, , prompt_cache_params, 0, 0, 0),
	FIELD(U8, infer, , keep_history, JSON_01, 0, 1),
	FIELD(OBJECT, infer, , sampling_params, 0, 0, 0),
	FIELD(I32, infer, , max_new_tokens, 0, -1, TOKENS_MAX),
	FIELD(U64, infer, , seed, 0, 0, 0),
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

const struct shape shape_param = { param_fields, COUNT(param_fields) };
const struct shape shape_input = { input_fields, COUNT(input_fields) };
const struct shape shape_infer = { infer_fields, COUNT(infer_fields) };

/* As the socket server that clients were written for documents them. */
const struct rkllm_param param_defaults = {
	.model_path = { "", 0 },
	.max_context_len = 512,
	.max_new_tokens = 256,
	.sampling = {
		.top_k = 40,
		.top_p = 0.9f,
		.temperature = 0.8f,
		.repeat_penalty = 1.1f,
		.mirostat_tau = 5.0f,
		.mirostat_eta = 0.1f,
	},
};

static const struct extend extend_defaults = {
	.enabled_cpus_num = 4,
	.enabled_cpus_mask = 0xf0, /* the fast half of an RK3588 */
	.n_batch = 1,
};

/* An object inside a struct, whose fields are named with its own name before
 * them. */
static int
read_inner(const struct json_value *v, const char *prefix,
    const struct json_how *how, const struct json_field *fields, size_t n,
    void *st, struct fail *f)
{
	struct json_how inner = { .prefix = prefix };

	if (v == NULL)
		return 0;
	if (how != NULL) {
		inner.on_unknown = how->on_unknown;
		inner.arg = how->arg;
	}
	return json_read_fields(v, fields, n, &inner, st, f);
}

static int
read_struct(
    const struct source *s, const struct shape *shape, void *st, struct fail *f)
{
	enum json_type t = json_type(s->own);
	char sent[JSON_SHOW_SIZE];
	int err = 0;

	if (t != JSON_OBJECT && t != JSON_NULL && t != JSON_ABSENT)
		return fail_set(f, ERR_INVALID, s->name,
		    "%s: must be an object, not %s", s->name,
		    json_show(s->own, sent));
	if (s->outer != NULL)
		err = json_read_fields(
		    s->outer, shape->fields, shape->n, &s->outer_how, st, f);
	if (err == 0 && t == JSON_OBJECT)
		err = json_read_fields(
		    s->own, shape->fields, shape->n, &s->own_how, st, f);
	return err;
}

int
param_read(const struct source *s, struct rkllm_param *ret, struct fail *f)
{
	struct extend extend = extend_defaults;
	int err = read_struct(s, &shape_param, ret, f);

	if (err == 0)
		err =
		    read_inner(ret->extend_param, "extend_param.", &s->own_how,
			extend_fields, COUNT(extend_fields), &extend, f);
	ret->extend_param = NULL;
	return err;
}

static int
not_yet(struct fail *f, const char *field, const char *what)
{
	return fail_set(f, ERR_UNSUPPORTED, field,
	    "%s: %s is not supported by this version of Bulkhead", field, what);
}

/* What the tables allow and no worker can do yet. */
static int
check_infer(const struct infer *in, const struct json_how *how, struct fail *f)
{
	static const char *const modes[] = {
		[RKLLM_INFER_GET_LAST_HIDDEN_LAYER] = "mode 1 (hidden states)",
		[RKLLM_INFER_GET_LOGITS] = "mode 2 (logits)",
	};
	struct extras x = { 0 };
	int err;

	err = read_inner(in->lora_params, "lora_params.", how, lora_fields,
	    COUNT(lora_fields), &x, f);
	if (err == 0)
		err =
		    read_inner(in->prompt_cache_params, "prompt_cache_params.",
			how, cache_fields, COUNT(cache_fields), &x, f);
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
read_tokens(const struct json_value *obj, const struct json_how *how,
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
	err = read_inner(obj, "token_input.", how, tokens_fields,
	    COUNT(tokens_fields), &t, f);
	if (err != 0)
		return err;
	if (t.n_tokens != UINT64_MAX && t.n_tokens != json_count(t.input_ids))
		return fail_set(f, ERR_INVALID, "token_input.n_tokens",
		    "token_input.n_tokens: is %llu, but input_ids has %zu",
		    (unsigned long long)t.n_tokens, json_count(t.input_ids));
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
read_input(const struct source *s, struct buf *mem, struct gen_submit *ret,
    struct fail *f)
{
	struct input in = { 0 };
	int err = read_struct(s, &shape_input, &in, f);

	if (err != 0)
		return err;
	switch ((enum rkllm_input_type)in.input_type) {
	case RKLLM_INPUT_PROMPT:
		return put_message(&in, mem, ret, f);
	case RKLLM_INPUT_TOKEN:
		return read_tokens(in.token_input, &s->own_how, mem, ret, f);
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
    struct gen_submit *ret, struct fail *f)
{
	struct infer in = { .seed = UINT64_MAX };
	struct rkllm_sampling sampling = p->sampling;
	int32_t budget;
	int err = read_struct(s, &shape_infer, &in, f);

	if (err == 0)
		err = read_inner(in.sampling_params, "sampling_params.",
		    &s->own_how, sampling_fields, COUNT(sampling_fields),
		    &sampling, f);
	if (err == 0)
		err = check_infer(&in, &s->own_how, f);
	if (err != 0)
		return err;
	budget = in.max_new_tokens > 0 ? in.max_new_tokens : p->max_new_tokens;
	ret->max_tokens = budget > 0 ? (uint32_t)budget : 0;
	ret->seed = in.seed;
	use_sampling(&sampling, ret);
	return 0;
}

int
param_read_run(const struct source *input, const struct source *infer,
    const struct rkllm_param *p, struct buf *mem, struct gen_submit *ret,
    struct fail *f)
{
	int err;

	params_default(ret);
	ret->special_text = !p->skip_special_token;
	ret->ignore_eos = p->ignore_eos_token;
	err = read_infer(infer, p, ret, f);
	if (err == 0)
		err = read_input(input, mem, ret, f);
	if (err != 0 && f->code == 0)
		(void)fail_set(f, err, NULL, "%s", err_text(err));
	return err;
}

/* A field's value as it is in the struct. */
static void
put_field(struct json_out *o, const struct json_field *field, const void *st)
{
	const char *at = (const char *)st + field->off;

	switch (field->kind) {
	case JSON_TO_BOOL:
		json_key_bool(o, field->name, *(const bool *)at);
		break;
	case JSON_TO_U8:
		json_key_u64(o, field->name, *(const uint8_t *)at);
		break;
	case JSON_TO_I32:
		json_key_i64(
		    o, field->name, *(const int32_t *)(const void *)at);
		break;
	case JSON_TO_U32:
		json_key_u64(
		    o, field->name, *(const uint32_t *)(const void *)at);
		break;
	case JSON_TO_F32:
		json_key_f32(o, field->name, *(const float *)(const void *)at);
		break;
	case JSON_TO_STR: {
		const struct str *s = (const void *)at;

		if (s->p != NULL) {
			json_key_str(o, field->name, *s);
			break;
		}
	} /* fall through */
	default:
		json_key_null(o, field->name);
	}
}

static void
put_fields(struct json_out *o, const struct json_field *fields, size_t n,
    const void *st)
{
	for (size_t i = 0; i < n; i++) {
		if (fields[i].kind == JSON_TO_OBJECT) {
			json_key(o, fields[i].name);
			json_open(o, '{');
			put_fields(o, extend_fields, COUNT(extend_fields),
			    &extend_defaults);
			json_close(o, '}');
		} else {
			put_field(o, &fields[i], st);
		}
	}
}

void
param_put_defaults(struct buf *b)
{
	struct json_out o = json_out(b);

	json_open(&o, '{');
	put_fields(&o, param_fields, COUNT(param_fields), &param_defaults);
	json_close(&o, '}');
}
