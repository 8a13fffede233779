/*
 * Theory: each struct of rkllm.h is a table of json_fields. A client may leave
 * out any field and send null for it, as C programs do with pointers; numbers
 * are checked against what the sampler can use, not against taste. Strings are
 * not copied: a request's text outlives the call that reads it, and what is
 * kept of an init drops them. The same table prints the defaults.
 */
#include "front/rpc/param.h"

#include "json/write.h"

#include <stdlib.h>
#include <string.h>

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

static const struct shape shape_extend = SHAPE(extend_fields);

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

const struct shape shape_param = SHAPE(param_fields);

/* As the socket server that clients were written for documents them. */
const struct rkllm_param param_defaults = {
	.model_path = { "", 0 },
	.max_context_len = 512,
	.max_new_tokens = 256,
	.n_batch = 1,
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

int
param_read(const struct source *s, struct rkllm_param *ret, struct fail *f)
{
	struct extend extend = extend_defaults;
	int err = fields_read(s, &shape_param, ret, f);

	if (err == 0)
		err = fields_read_inner(s, ret->extend_param, "extend_param.",
		    &shape_extend, &extend, f);
	ret->extend_param = NULL;
	ret->n_batch = extend.n_batch > 0 ? extend.n_batch : 1;
	return err;
}

int
param_keep(struct rkllm_param *p)
{
	struct str *const marks[] = { &p->img_start, &p->img_end,
		&p->img_content };
	size_t n = p->img_start.n + p->img_end.n + p->img_content.n;
	char *at = n > 0 ? malloc(n) : NULL;

	p->kept = at;
	p->model_path = STR("");
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (at == NULL || marks[i]->n == 0) {
			*marks[i] = STR("");
			continue;
		}
		memcpy(at, marks[i]->p, marks[i]->n);
		marks[i]->p = at;
		at += marks[i]->n;
	}
	return n > 0 && p->kept == NULL ? ERR_NOMEM : 0;
}

void
param_drop(struct rkllm_param *p)
{
	free(p->kept);
	p->kept = NULL;
	p->img_start = p->img_end = p->img_content = STR("");
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
put_fields(struct json_out *o, const struct shape *shape, const void *st)
{
	for (size_t i = 0; i < shape->n; i++) {
		if (shape->fields[i].kind == JSON_TO_OBJECT) {
			json_key(o, shape->fields[i].name);
			json_open(o, '{');
			put_fields(o, &shape_extend, &extend_defaults);
			json_close(o, '}');
		} else {
			put_field(o, &shape->fields[i], st);
		}
	}
}

void
param_put_defaults(struct buf *b)
{
	struct json_out o = json_out(b);

	json_open(&o, '{');
	put_fields(&o, &shape_param, &param_defaults);
	json_close(&o, '}');
}
