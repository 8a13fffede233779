/*
 * The fields of a request that hold lists: stop, dry_sequence_breakers,
 * logit_bias and lora, each in the several forms that clients send.
 */
#include "front/http/askrow.h"

#include <math.h>
#include <stdlib.h>

/* Packs v, one string or an array of them, into b. */
static int
read_strings(const struct json_value *v, const char *name, struct buf *b,
    struct fail *why)
{
	struct json_iter it = json_iter(v);
	const struct json_value *one = v;
	char shown[JSON_SHOW_SIZE];
	bool is_array = json_type(v) == JSON_ARRAY;
	struct str s;

	if ((!is_array && json_type(v) != JSON_STRING) ||
	    json_count(v) > ASK_STOPS_MAX)
		return fail_set(why, ERR_INVALID, name,
		    "%s: must be a string or an array of at most %u strings, "
		    "not %s",
		    name, ASK_STOPS_MAX, json_show(v, shown));
	while (!is_array || json_next(&it, NULL, &one)) {
		if (!json_str(one, &s))
			return fail_set(why, ERR_INVALID, name,
			    "%s: must hold strings, not %s", name,
			    json_show(one, shown));
		if (s.n == 0 || s.n > ASK_STOP_BYTES)
			return fail_set(why, ERR_INVALID, name,
			    "%s: a string must have 1 to %u bytes, not %zu",
			    name, ASK_STOP_BYTES, s.n);
		strs_put(b, s);
		if (!is_array)
			break;
	}
	return buf_err(b);
}

int
ask_read_stops(struct ask *q, const char *name, struct fail *why)
{
	struct buf *b = &q->bufs[ASK_STOPS];
	int err;

	if (q->raw.stop == NULL)
		return 0;
	err = read_strings(q->raw.stop, name, b, why);
	if (err == 0 && buf_len(b) > 0)
		q->gen.stops.packed = buf_str(b);
	return err;
}

/* llama.cpp's own breakers, when DRY is asked for and none are named. */
static int
read_breakers(struct ask *q, struct fail *why)
{
	static const char *const usual[] = { "\n", ":", "\"", "*" };
	struct buf *b = &q->bufs[ASK_BREAKERS];
	int err = 0;

	if (q->raw.breakers != NULL)
		err = read_strings(
		    q->raw.breakers, "dry_sequence_breakers", b, why);
	else if (q->gen.dry_multiplier != 0)
		for (size_t i = 0; i < 4; i++)
			strs_put(b, str_of(usual[i]));
	if (err == 0 && buf_len(b) > 0)
		q->gen.dry_breakers.packed = buf_str(b);
	return err;
}

/*
 * logit_bias: {"15043": -1.5} as OpenAI, [[15043, -1.5], [50, false]] as
 * llama-server, where false bans the token.
 */

static bool
id_of_key(struct str key, int32_t *ret)
{
	int64_t id = 0;

	if (key.n == 0 || key.n > 10)
		return false;
	for (size_t i = 0; i < key.n; i++) {
		if (key.p[i] < '0' || key.p[i] > '9')
			return false;
		id = id * 10 + (key.p[i] - '0');
	}
	*ret = (int32_t)id;
	return id <= INT32_MAX;
}

static bool
id_of_value(const struct json_value *v, int32_t *ret)
{
	int64_t id;

	if (!json_i64(v, &id) || id < 0 || id > INT32_MAX)
		return false;
	*ret = (int32_t)id;
	return true;
}

static bool
read_amount(const struct json_value *v, float *ret)
{
	double amount;
	bool on;

	if (json_bool(v, &on) && !on) {
		*ret = -INFINITY;
		return true;
	}
	if (!json_f64(v, &amount) || amount < -100 || amount > 100)
		return false;
	*ret = (float)amount;
	return true;
}

/* One member of the object, or one pair of the array. */
static int
read_bias(struct str key, const struct json_value *v, bool is_object,
    struct bias *ret, struct fail *why)
{
	const struct json_value *id = NULL, *amount = v;
	struct json_iter it = json_iter(v);
	char shown[JSON_SHOW_SIZE];

	if (!is_object && (json_type(v) != JSON_ARRAY || json_count(v) != 2))
		return fail_set(why, ERR_INVALID, "logit_bias",
		    "logit_bias: must hold pairs of token id and bias, not %s",
		    json_show(v, shown));
	if (!is_object) {
		(void)json_next(&it, NULL, &id);
		(void)json_next(&it, NULL, &amount);
	}
	if (is_object ? !id_of_key(key, &ret->token)
		      : !id_of_value(id, &ret->token))
		return fail_set(why, ERR_INVALID, "logit_bias",
		    "logit_bias: a token id must be a whole number from 0 to "
		    "2147483647, not %.*s",
		    is_object ? (int)(key.n < 40 ? key.n : 40) : 39,
		    is_object ? key.p : json_show(id, shown));
	if (!read_amount(amount, &ret->bias))
		return fail_set(why, ERR_INVALID, "logit_bias",
		    "logit_bias: a bias must be a number from -100 to 100, or "
		    "false, not %s",
		    json_show(amount, shown));
	return 0;
}

static int
read_biases(struct ask *q, struct fail *why)
{
	const struct json_value *v = q->raw.logit_bias, *one;
	struct buf *b = &q->bufs[ASK_BIASES];
	bool is_object = json_type(v) == JSON_OBJECT;
	struct json_iter it = json_iter(v);
	char shown[JSON_SHOW_SIZE];
	struct bias bias;
	struct str key;
	int err = 0;

	if (v == NULL)
		return 0;
	if ((!is_object && json_type(v) != JSON_ARRAY) ||
	    json_count(v) > ASK_BIASES_MAX)
		return fail_set(why, ERR_INVALID, "logit_bias",
		    "logit_bias: must be an object or an array of at most %u, "
		    "not %s",
		    ASK_BIASES_MAX, json_show(v, shown));
	while (err == 0 && json_next(&it, &key, &one)) {
		err = read_bias(key, one, is_object, &bias, why);
		buf_put(b, &bias, sizeof(bias));
	}
	q->gen.logit_bias = (struct biases){ (const void *)buf_data(b),
		(uint32_t)(buf_len(b) / sizeof(bias)) };
	return err != 0 ? err : buf_err(b);
}

int
ask_read_sampling(struct ask *q, struct fail *why)
{
	int err = read_breakers(q, why);

	return err != 0 ? err : read_biases(q, why);
}

int
ask_read_lists(struct ask *q, struct fail *why)
{
	int err = ask_read_stops(q, "stop", why);

	return err != 0 ? err : ask_read_sampling(q, why);
}

struct lora {
	uint32_t id;
	float scale;
};

static const struct json_field lora_fields[] = {
	{ "id", JSON_TO_U32, offsetof(struct lora, id), JSON_REQUIRED, 0,
	    WORKER_ADAPTERS_MAX - 1, NULL },
	{ "scale", JSON_TO_F32, offsetof(struct lora, scale), JSON_REQUIRED,
	    -1000, 1000, NULL },
};

/* Adapters that the list does not name are not applied, as in llama-server. */
int
ask_read_lora(struct ask *q, struct fail *why)
{
	static const struct json_field field = { "lora", JSON_TO_ARRAY, 0, 0, 0,
		WORKER_ADAPTERS_MAX, NULL };
	static const struct json_how how = { .prefix = "lora[]." };
	struct buf *b = &q->bufs[ASK_ADAPTERS];
	const struct json_value *list = NULL, *one;
	struct json_iter it;
	struct lora l;
	int err;

	if (q->raw.lora == NULL)
		return 0;
	err = json_read_field(q->raw.lora, &field, NULL, &list, why);
	it = json_iter(list);
	while (err == 0 && json_next(&it, NULL, &one)) {
		struct bias bias;

		err = json_read_fields(one, lora_fields, 2, &how, &l, why);
		bias = (struct bias){ (int32_t)l.id, l.scale };
		if (err == 0)
			buf_put(b, &bias, sizeof(bias));
	}
	q->gen.adapters = (struct biases){ (const void *)buf_data(b),
		(uint32_t)(buf_len(b) / sizeof(struct bias)) };
	return err != 0 ? err : buf_err(b);
}
