#include "front/rpc/kv.h"

#include "front/model.h"
#include "front/rpc/rpc.h"
#include "front/turn.h"
#include "json/write.h"

#include "base/log.h"

struct clear {
	int32_t keep_system_prompt;
	const struct json_value *start_pos;
	const struct json_value *end_pos;
};

static const struct json_field clear_fields[] = {
	{ "keep_system_prompt", JSON_TO_I32,
	    offsetof(struct clear, keep_system_prompt), JSON_REQUIRED | JSON_01,
	    0, 1, NULL },
	FIELD(ARRAY, clear, , start_pos, 0, 1, 1),
	FIELD(ARRAY, clear, , end_pos, 0, 1, 1),
};

const struct shape shape_clear = SHAPE(clear_fields);

static int
read_pos(const struct json_value *array, const char *name, uint32_t *ret,
    struct fail *why)
{
	struct json_iter it = json_iter(array);
	const struct json_value *v = NULL;
	char sent[JSON_SHOW_SIZE];
	int64_t pos;

	(void)json_next(&it, NULL, &v);
	if (!json_i64(v, &pos) || pos < 0 || pos > TOKENS_MAX)
		return fail_set(why, ERR_INVALID, name,
		    "%s[0]: must be a whole number from 0 to %d, not %s", name,
		    TOKENS_MAX, json_show(v, sent));
	*ret = (uint32_t)pos;
	return 0;
}

static int
cut(struct talk *t, const struct clear *in, struct fail *why)
{
	uint32_t from = 0, end = 0;
	int err = 0;

	if (in->start_pos == NULL || in->end_pos == NULL)
		return fail_set(why, ERR_INVALID,
		    in->start_pos == NULL ? "start_pos" : "end_pos",
		    "start_pos, end_pos: must both be arrays, or both null");
	err = read_pos(in->start_pos, "start_pos", &from, why);
	if (err == 0)
		err = read_pos(in->end_pos, "end_pos", &end, why);
	return err != 0 ? err : talk_cut(t, from, end, why);
}

static int
busy(struct fail *why)
{
	return fail_set(why, ERR_BUSY, NULL,
	    "a run with keep_history of this connection is not done; abort it "
	    "or wait");
}

static int
clear(struct rpc *r, const struct clear *in, struct fail *why)
{
	if (r->is_talking)
		return busy(why);
	if (in->start_pos != NULL || in->end_pos != NULL)
		return cut(&r->talk, in, why);
	talk_clear(&r->talk, in->keep_system_prompt);
	return 0;
}

void
kv_clear(struct call *c, const struct args *a)
{
	struct clear in = { 0 };
	struct fail why = { 0 };
	struct json_out o;

	if (method_values(a, &in, &why) != 0 || clear(c->rpc, &in, &why) != 0) {
		call_fail(c, &why);
		return;
	}
	o = json_out(call_open(c));
	json_open(&o, '{');
	json_key_bool(&o, "success", true);
	json_key_cstr(&o, "message", "KV cache cleared successfully");
	json_key_i64(&o, "keep_system_prompt", in.keep_system_prompt);
	json_close(&o, '}');
	call_close(c);
}

void
kv_size(struct call *c, const struct args *a)
{
	struct json_out o = json_out(call_open(c));

	(void)a;
	json_open(&o, '{');
	json_key_bool(&o, "success", true);
	json_key_cstr(&o, "message", "KV cache size retrieved successfully");
	json_key(&o, "cache_sizes");
	json_open(&o, '[');
	json_item(&o);
	json_put_u64(o.b, talk_size(&c->rpc->talk));
	json_close(&o, ']');
	json_close(&o, '}');
	call_close(c);
}

/* Token ids mean nothing to another file. */
static void
check_file(struct rpc *r)
{
	struct str file = rpc_model(r)->state.file;
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	for (size_t i = 0; i < file.n; i++)
		hash = (hash ^ (uint8_t)file.p[i]) * 0x100000001b3u;
	if (r->talk_file != hash && talk_size(&r->talk) > 0) {
		log_warn("the model's file is another: a conversation begins "
			 "anew");
		talk_clear(&r->talk, false);
	}
	r->talk_file = hash;
}

int
kv_begin(struct rpc *r, struct buf *mem, struct gen_submit *g, struct fail *why)
{
	int err;

	if (r->is_talking)
		return busy(why);
	check_file(r);
	err = talk_fill(&r->talk, mem, g);
	return err == 0 ? 0 : fail_set(why, err, NULL, "%s", err_text(err));
}

void
kv_end(struct rpc *r, struct gen *g, uint32_t n_system)
{
	struct talk_turn turn = { .n_system = n_system };

	r->is_talking = false;
	if (g == NULL || !turn_read(g, &turn))
		return;
	if (talk_add(&r->talk, &turn) != 0)
		log_warn("a conversation is lost: no memory for it");
	turn_done(g);
}
