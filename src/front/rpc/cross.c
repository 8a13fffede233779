#include "front/rpc/cross.h"

#include "front/model.h"
#include "front/rpc/rpc.h"
#include "front/rpc/setup.h"
#include "json/write.h"

/* Bytes of keys, and of values: a record has to hold both, and more. */
#define HALF_MAX (24u * MIB)
#define FEW_MAX (TOKENS_MAX * sizeof(float))

struct asked {
	const struct json_value *encoder_k_cache;
	const struct json_value *encoder_v_cache;
	const struct json_value *encoder_mask;
	const struct json_value *encoder_pos;
	int32_t num_tokens;
};

#define ARRAY_FIELD(name)                                           \
	{                                                           \
#name, JSON_TO_ARRAY, offsetof(struct asked, name), \
		    JSON_REQUIRED, 1, TOKENS_MAX, NULL              \
	}

static const struct json_field cross_attn_fields[] = {
	ARRAY_FIELD(encoder_k_cache),
	ARRAY_FIELD(encoder_v_cache),
	ARRAY_FIELD(encoder_mask),
	ARRAY_FIELD(encoder_pos),
	{ "num_tokens", JSON_TO_I32, offsetof(struct asked, num_tokens),
	    JSON_REQUIRED, 1, TOKENS_MAX, NULL },
};

const struct shape shape_cross_attn = SHAPE(cross_attn_fields);

void
cross_init(struct cross *x)
{
	buf_init(&x->keys, HALF_MAX);
	buf_init(&x->values, HALF_MAX);
	buf_init(&x->mask, FEW_MAX);
	buf_init(&x->pos, FEW_MAX);
}

void
cross_done(struct cross *x)
{
	buf_done(&x->keys);
	buf_done(&x->values);
	buf_done(&x->mask);
	buf_done(&x->pos);
}

static int
check_cache(const struct json_value *v, const char *name, uint32_t n_tokens,
    struct fail *why)
{
	size_t n = json_count(v);

	if (n % n_tokens != 0)
		return fail_set(why, ERR_INVALID, name,
		    "%s: has %zu numbers, which num_tokens (%u) does not "
		    "divide",
		    name, n, n_tokens);
	if (n > HALF_MAX / sizeof(float))
		return fail_set(why, ERR_INVALID, name,
		    "%s: has %zu numbers, the limit is %zu", name, n,
		    HALF_MAX / sizeof(float));
	return 0;
}

static int
check_each(const struct json_value *v, const char *name, uint32_t n_tokens,
    struct fail *why)
{
	if (json_count(v) == n_tokens)
		return 0;
	return fail_set(why, ERR_INVALID, name,
	    "%s: has %zu numbers, num_tokens is %u", name, json_count(v),
	    n_tokens);
}

static int
check_sizes(const struct asked *in, struct fail *why)
{
	uint32_t n = (uint32_t)in->num_tokens;
	size_t n_keys = json_count(in->encoder_k_cache);
	size_t n_values = json_count(in->encoder_v_cache);
	int err;

	/* What must be there is only asked of what was sent. */
	if (n == 0)
		return fail_set(
		    why, ERR_INVALID, "num_tokens", "num_tokens: missing");
	err = check_cache(in->encoder_k_cache, "encoder_k_cache", n, why);
	if (err == 0)
		err =
		    check_cache(in->encoder_v_cache, "encoder_v_cache", n, why);
	if (err == 0 && n_keys != n_values)
		err = fail_set(why, ERR_INVALID, "encoder_v_cache",
		    "encoder_v_cache: has %zu numbers, encoder_k_cache %zu",
		    n_values, n_keys);
	if (err == 0)
		err = check_each(in->encoder_mask, "encoder_mask", n, why);
	if (err == 0)
		err = check_each(in->encoder_pos, "encoder_pos", n, why);
	return err;
}

static int
put_ints(struct buf *to, const struct json_value *array, const char *name,
    struct fail *why)
{
	struct json_iter it = json_iter(array);
	const struct json_value *v;
	char sent[JSON_SHOW_SIZE];
	int64_t i;

	for (size_t n = 0; json_next(&it, NULL, &v); n++) {
		if (!json_i64(v, &i) || i < 0 || i > INT32_MAX)
			return fail_set(why, ERR_INVALID, name,
			    "%s[%zu]: must be a position, from 0, not %s", name,
			    n, json_show(v, sent));
		buf_put_i32(to, (int32_t)i);
	}
	return buf_err(to);
}

static int
read_all(struct cross *x, const struct asked *in, struct fail *why)
{
	int err = fields_put_floats(
	    &x->keys, in->encoder_k_cache, "encoder_k_cache", why);

	if (err == 0)
		err = fields_put_floats(
		    &x->values, in->encoder_v_cache, "encoder_v_cache", why);
	if (err == 0)
		err = fields_put_floats(
		    &x->mask, in->encoder_mask, "encoder_mask", why);
	if (err == 0)
		err = put_ints(&x->pos, in->encoder_pos, "encoder_pos", why);
	if (err != 0 && why->code == 0)
		(void)fail_set(why, err, NULL, "%s", err_text(err));
	return err;
}

static void
answer(struct call *c, int32_t num_tokens)
{
	struct json_out o = json_out(call_open(c));

	json_open(&o, '{');
	json_key_bool(&o, "success", true);
	json_key_cstr(
	    &o, "message", "Cross-attention parameters set successfully");
	json_key_i64(&o, "num_tokens", num_tokens);
	json_close(&o, '}');
	call_close(c);
}

size_t
cross_bytes(const struct cross *x)
{
	return x->keys.cap + x->values.cap + x->mask.cap + x->pos.cap;
}

void
cross_set(struct call *c, const struct args *a)
{
	struct asked in = { 0 };
	struct fail why = { 0 };
	struct cross x;
	int err = fields_read(&a->at[0], &shape_cross_attn, &in, &why);

	cross_init(&x);
	if (err == 0)
		err = check_sizes(&in, &why);
	/* In libllama an encoder runs itself. */
	if (err == 0 && !rpc_model(c->rpc)->state.cross_attn)
		err = fail_set(&why, ERR_UNSUPPORTED, NULL,
		    "this model has no cross-attention that takes an "
		    "encoder's keys and values");
	if (err == 0)
		err = read_all(&x, &in, &why);
	if (err != 0) {
		cross_done(&x);
		call_fail(c, &why);
		return;
	}
	cross_done(&c->rpc->cross);
	c->rpc->cross = x;
	if (setup_count(c->rpc, &why) != 0) {
		call_fail(c, &why);
		return;
	}
	answer(c, in.num_tokens);
}

void
cross_fill(const struct cross *x, struct gen_submit *ret)
{
	if (buf_len(&x->keys) == 0)
		return;
	ret->cross_keys = buf_str(&x->keys);
	ret->cross_values = buf_str(&x->values);
	ret->cross_mask = buf_str(&x->mask);
	ret->cross_pos = (struct i32s){
		(const int32_t *)(const void *)buf_data(&x->pos),
		(uint32_t)(buf_len(&x->pos) / sizeof(int32_t)),
	};
}
