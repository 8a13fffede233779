#include "front/rpc/kv.h"

#include "front/conn.h"
#include "front/front.h"
#include "front/intake.h"
#include "front/model.h"
#include "front/rpc/rpc.h"
#include "front/turn.h"
#include "json/write.h"

#include "base/hash.h"
#include "base/log.h"

#include <stdlib.h>

/* A conversation. */
struct speaker {
	struct talk talk;
	bool is_talking; /* a run of it is not done */
	size_t share;	 /* of what front/intake.h counts */
};

struct clear {
	int32_t keep_system_prompt;
	const struct json_value *start_pos;
	const struct json_value *end_pos;
};

static const struct json_field clear_fields[] = {
	{ "keep_system_prompt", JSON_TO_I32,
	    offsetof(struct clear, keep_system_prompt), JSON_REQUIRED | JSON_01,
	    0, 1, NULL },
	FIELD(ARRAY, clear, , start_pos, 0, 1, 255),
	FIELD(ARRAY, clear, , end_pos, 0, 1, 255),
};

const struct shape shape_clear = SHAPE(clear_fields);

/* One of an array. */
static int
read_pos(const struct json_value *v, const char *name, uint32_t at,
    uint32_t *ret, struct fail *why)
{
	char sent[JSON_SHOW_SIZE];
	int64_t pos;

	if (!json_i64(v, &pos) || pos < 0 || pos > TOKENS_MAX)
		return fail_set(why, ERR_INVALID, name,
		    "%s[%u]: must be a whole number from 0 to %d, not %s", name,
		    at, TOKENS_MAX, json_show(v, sent));
	*ret = (uint32_t)pos;
	return 0;
}

static int
check_arrays(const struct clear *in, uint32_t n, struct fail *why)
{
	const char *name = in->start_pos == NULL ? "start_pos" : "end_pos";

	if (in->start_pos == NULL || in->end_pos == NULL)
		return fail_set(why, ERR_INVALID, name,
		    "start_pos, end_pos: must both be arrays, or both null");
	if (json_count(in->start_pos) == n && json_count(in->end_pos) == n)
		return 0;
	return fail_set(why, ERR_INVALID,
	    json_count(in->start_pos) == n ? "end_pos" : "start_pos",
	    "start_pos, end_pos: must have %u numbers, one for each of "
	    "n_batch",
	    n);
}

/* All are tried before one is cut. */
static int
cut(struct rpc *r, const struct clear *in, struct fail *why)
{
	struct json_iter from_it = json_iter(in->start_pos);
	struct json_iter end_it = json_iter(in->end_pos);
	const struct json_value *v = NULL;
	uint32_t from[255] = { 0 }, end[255] = { 0 };
	int err = check_arrays(in, r->n_speakers, why);

	for (uint32_t i = 0; i < r->n_speakers && err == 0; i++) {
		(void)json_next(&from_it, NULL, &v);
		err = read_pos(v, "start_pos", i, &from[i], why);
		(void)json_next(&end_it, NULL, &v);
		if (err == 0)
			err = read_pos(v, "end_pos", i, &end[i], why);
		if (err == 0)
			err = talk_may_cut(
			    &r->speakers[i].talk, from[i], end[i], why);
	}
	for (uint32_t i = 0; i < r->n_speakers && err == 0; i++)
		err = talk_cut(&r->speakers[i].talk, from[i], end[i], why);
	return err;
}

static int
busy(struct fail *why)
{
	return fail_set(why, ERR_BUSY, NULL,
	    "a run with keep_history of this connection is not done; abort it "
	    "or wait");
}

/* Counts what a conversation takes; a run may add so much to it. 0 or ERR_BUSY:
 * that would be too much. */
static int
count(struct rpc *r, struct speaker *s, size_t more, struct fail *why)
{
	return intake_hold(r->front, conn_client(r->conn), &s->share,
	    talk_bytes(&s->talk) + more, why);
}

/* It did not grow: that is never too much. */
static void
count_again(struct rpc *r, struct speaker *s)
{
	struct fail why;

	(void)!count(r, s, 0, &why);
}

static void
forget(struct rpc *r, struct speaker *s, bool keep_system)
{
	talk_clear(&s->talk, keep_system);
	count_again(r, s);
}

static int
clear(struct rpc *r, const struct clear *in, struct fail *why)
{
	for (uint32_t i = 0; i < r->n_speakers; i++)
		if (r->speakers[i].is_talking)
			return busy(why);
	if (in->start_pos != NULL || in->end_pos != NULL)
		return cut(r, in, why);
	for (uint32_t i = 0; i < r->n_speakers; i++)
		forget(r, &r->speakers[i], in->keep_system_prompt);
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
	for (uint32_t i = 0; i < c->rpc->n_speakers; i++) {
		json_item(&o);
		json_put_u64(o.b, talk_size(&c->rpc->speakers[i].talk));
	}
	json_close(&o, ']');
	json_close(&o, '}');
	call_close(c);
}

/* Nobody else's, nor one that a front before gave out. */
static uint64_t
draw_key(void)
{
	uint64_t key;

	do
		arc4random_buf(&key, sizeof(key));
	while (key == 0);
	return key;
}

int
kv_open(struct rpc *r, uint32_t n)
{
	kv_close(r);
	r->speakers = calloc(n, sizeof(*r->speakers));
	if (r->speakers == NULL)
		return ERR_NOMEM;
	r->n_speakers = n;
	for (uint32_t i = 0; i < n; i++)
		talk_init(&r->speakers[i].talk, draw_key());
	return 0;
}

void
kv_close(struct rpc *r)
{
	for (uint32_t i = 0; i < r->n_speakers; i++) {
		intake_drop(
		    r->front, conn_client(r->conn), &r->speakers[i].share);
		talk_done(&r->speakers[i].talk);
	}
	free(r->speakers);
	r->speakers = NULL;
	r->n_speakers = 0;
}

/* Token ids mean nothing to another file. */
static void
check_file(struct rpc *r)
{
	struct str file = rpc_model(r)->state.file;
	uint64_t hash = hash_more(HASH_START, file.p, file.n);

	if (r->talk_file == hash)
		return;
	r->talk_file = hash;
	for (uint32_t i = 0; i < r->n_speakers; i++) {
		struct speaker *s = &r->speakers[i];

		if (talk_size(&s->talk) > 0)
			log_warn("the model's file is another: a conversation "
				 "begins anew");
		forget(r, s, false);
	}
}

int
kv_begin(struct rpc *r, uint32_t seq, struct buf *mem, struct gen_submit *g,
    struct fail *why)
{
	struct speaker *s = &r->speakers[seq];
	int err;

	if (s->is_talking)
		return busy(why);
	check_file(r);
	err = count(r, s,
	    rpc_model(r)->state.n_ctx * sizeof(int32_t) + g->embeds.n, why);
	if (err != 0)
		return err;
	err = talk_fill(&s->talk, mem, g);
	if (err != 0) {
		count_again(r, s);
		return err == ERR_INVALID
		    ? fail_set(why, err, "embed",
			  "embed: the rows of this conversation are of another "
			  "length")
		    : fail_set(why, err, NULL, "%s", err_text(err));
	}
	s->is_talking = true;
	return 0;
}

void
kv_end(struct rpc *r, uint32_t seq, struct gen *g, uint32_t n_system)
{
	struct speaker *s = &r->speakers[seq];
	struct talk_turn turn = { .n_system = n_system };

	s->is_talking = false;
	if (g != NULL && turn_read(g, &turn)) {
		if (talk_add(&s->talk, &turn) != 0)
			log_warn("a conversation is lost: no memory for it");
		turn_done(g);
	}
	count_again(r, s);
}
