/*
 * A slot is a sequence of the worker's, and nobody's own: which one a request
 * has, it cannot choose, and prompts that begin alike share what is computed of
 * them whichever they have. So here the n-th slot is that of the n-th request
 * that runs, and those behind are idle.
 */
#include "front/http/inside.h"

#include "front/front.h"
#include "front/glimpse.h"
#include "front/http/body.h"
#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/query.h"
#include "front/http/reply.h"
#include "front/http/settings.h"
#include "front/http/which.h"
#include "front/lora.h"
#include "front/model.h"
#include "front/params.h"

#define BODY_MAX (4u << 20)

/* Of an answer; that of a model which only embeds has one token more. */
static uint32_t
context_of(const struct model_state *s)
{
	return s->only_embeds && s->n_ctx > 0 ? s->n_ctx - 1 : s->n_ctx;
}

/*
 * /props
 */

static void
put_defaults(struct json_out *o, const struct model_state *s)
{
	struct gen_submit g;

	params_default(&g);
	g.adapters = s->scales;
	json_key(o, "default_generation_settings");
	json_open(o, '{');
	json_key(o, "params");
	settings_put(o, &g, &(struct settings_about){ 0 });
	json_key_u64(o, "n_ctx", context_of(s));
	json_close(o, '}');
}

static void
put_modalities(struct json_out *o)
{
	static const char *const all[] = { "vision", "video", "audio" };

	json_key(o, "modalities");
	json_open(o, '{');
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		json_key_bool(o, all[i], false);
	json_close(o, '}');
}

/* As the probe read it, or the last word of "llama 1B Q8_0". */
static struct str
quant_of(const struct model_state *s)
{
	size_t at = s->desc.n;

	if (s->quant.n > 0)
		return s->quant;
	while (at > 0 && s->desc.p[at - 1] != ' ')
		at--;
	return (struct str){ s->desc.p + at, s->desc.n - at };
}

/* What this model can be asked for; llama-server has no word for it. */
static void
put_uses(struct json_out *o, const struct model_state *s)
{
	static const char *const poolings[] = {
		[POOL_MODEL] = "none",
		[POOL_NONE] = "none",
		[POOL_MEAN] = "mean",
		[POOL_CLS] = "cls",
		[POOL_LAST] = "last",
		[POOL_RANK] = "rank",
	};

	json_key(o, "uses");
	json_open(o, '{');
	json_key_bool(o, "generate", s->n_vocab > 0 && !s->only_embeds);
	json_key_bool(o, "embed", s->embeds);
	json_key_bool(o, "rerank", s->ranks);
	json_key_bool(o, "infill", s->has_infill);
	json_key_cstr(o, "pooling",
	    s->pooling <= POOL_RANK ? poolings[s->pooling] : "none");
	json_close(o, '}');
}

static void
put_props(struct json_out *o, const struct model *m)
{
	const struct model_state *s = &m->state;
	struct buf *b = o->b;

	json_open(o, '{');
	put_defaults(o, s);
	json_key_u64(o, "total_slots", s->n_seq);
	json_key_str(o, "model_alias", s->name);
	json_key_text(o, "model_ftype", quant_of(s));
	json_key_str(o, "model_path", s->path);
	put_modalities(o);
	json_key_bool(o, "endpoint_slots", true);
	json_key_bool(o, "endpoint_props", false);
	json_key_bool(o, "endpoint_metrics", true);
	json_key_bool(o, "ui", false);
	json_key_raw(o, "ui_settings", STR("{}"));
	json_key_bool(o, "cors_proxy_enabled", false);
	json_key_str(o, "chat_template", s->chat_template);
	json_key_raw(o, "chat_template_caps",
	    s->template_caps.n > 0 ? s->template_caps : STR("{}"));
	json_key_str(o, "bos_token", s->bos);
	json_key_str(o, "eos_token", s->eos);
	json_key(o, "build_info");
	buf_printf(b, "\"bulkhead-%.*s\"", (int)m->front->config.version.n,
	    m->front->config.version.p);
	json_key_bool(o, "is_sleeping", m->state.status == MODEL_KNOWN);
	put_uses(o, s);
	json_close(o, '}');
}

static void
refuse(struct http *h, const char *text)
{
	struct fail why;

	(void)fail_set(&why, ERR_UNSUPPORTED, NULL, "%s", text);
	error_reply(h, &why);
}

void
inside_props(struct http *h, const struct request *r, struct str rest)
{
	struct fail why;
	struct model *m = which_model(h, r, NULL, &why);
	struct json_out o;
	struct buf body;

	(void)rest;
	if (m == NULL) {
		error_reply(h, &why);
		return;
	}
	/* Nothing can be changed by it in llama-server yet either. */
	if (r->method == METHOD_POST) {
		refuse(h,
		    "This server does not support changing global properties: "
		    "each request says its own");
		return;
	}
	buf_init(&body, BODY_MAX);
	o = json_out(&body);
	put_props(&o, m);
	reply_buf(h, "application/json", &body);
}

/*
 * /lora-adapters
 */

struct scale {
	uint32_t id;
	float scale;
};

static const struct json_field scale_rows[] = {
	{ "id", JSON_TO_U32, offsetof(struct scale, id), JSON_REQUIRED, 0,
	    WORKER_ADAPTERS_MAX - 1, NULL },
	{ "scale", JSON_TO_F32, offsetof(struct scale, scale), JSON_REQUIRED,
	    -1000, 1000, NULL },
};

/* Those that the list does not name are off, as there. */
static int
read_scales(const struct model *m, const struct json_value *list,
    float scales[WORKER_ADAPTERS_MAX], struct fail *why)
{
	static const struct json_how how = { .prefix = "[]." };
	struct json_iter it = json_iter(list);
	const struct json_value *one;
	struct scale s;

	while (json_next(&it, NULL, &one)) {
		int err = json_read_fields(one, scale_rows, 2, &how, &s, why);

		if (err != 0)
			return err;
		if (s.id >= m->state.scales.n)
			return fail_set(why, ERR_INVALID, "id",
			    "id: %u, but the model has %u adapters", s.id,
			    m->state.scales.n);
		scales[s.id] = s.scale;
	}
	return 0;
}

static void
set_adapters(struct http *h, const struct request *r, struct model *m)
{
	float scales[WORKER_ADAPTERS_MAX] = { 0 };
	struct json_doc *doc = NULL;
	struct fail why;
	int err = body_parse(r->body, JSON_ARRAY, &doc, &why);

	if (err == 0)
		err = read_scales(m, json_root(doc), scales, &why);
	json_free(doc);
	if (err != 0) {
		error_reply(h, &why);
		return;
	}
	lora_set(m, scales);
	reply_json(h, STR("{\"success\":true}"));
}

void
inside_adapters(struct http *h, const struct request *r, struct str rest)
{
	struct fail why;
	struct model *m = which_model(h, r, NULL, &why);
	struct json_out o;
	struct buf body;

	(void)rest;
	if (m == NULL) {
		error_reply(h, &why);
		return;
	}
	if (r->method == METHOD_POST) {
		set_adapters(h, r, m);
		return;
	}
	buf_init(&body, BODY_MAX);
	o = json_out(&body);
	lora_put(&o, &m->state);
	reply_buf(h, "application/json", &body);
}

/*
 * /slots
 */

struct shown {
	struct json_out o;
	const struct model_state *model;
	uint32_t n; /* written */
};

static void
put_slot_head(struct shown *s, bool is_processing)
{
	json_item(&s->o);
	json_open(&s->o, '{');
	json_key_u64(&s->o, "id", s->n++);
	json_key_u64(&s->o, "n_ctx", context_of(s->model));
	json_key_bool(&s->o, "speculative", false);
	json_key_bool(&s->o, "is_processing", is_processing);
}

static void
put_next_token(struct json_out *o, const struct glimpse *g)
{
	uint32_t most = g->record != NULL ? g->record->max_tokens : 0;

	json_key(o, "next_token");
	json_open(o, '[');
	json_item(o);
	json_open(o, '{');
	json_key_bool(o, "has_next_token", true);
	json_key_i64(o, "n_remain",
	    most > g->n_out ? (int64_t)most - (int64_t)g->n_out : -1);
	json_key_u64(o, "n_decoded", g->n_out);
	json_close(o, '}');
	json_close(o, ']');
}

static void
put_busy(void *arg, const struct glimpse *g)
{
	struct shown *s = arg;
	struct json_out *o = &s->o;

	put_slot_head(s, true);
	json_key_u64(o, "id_task", g->id);
	json_key_u64(o, "n_prompt_tokens", g->n_prompt);
	if (g->record != NULL) {
		json_key(o, "params");
		settings_put(o, g->record, &(struct settings_about){ 0 });
	}
	put_next_token(o, g);
	json_close(o, '}');
}

static void
put_slots(struct shown *s, struct model *m)
{
	s->model = &m->state;
	json_open(&s->o, '[');
	glimpse_slots(m, put_busy, s);
	while (s->n < m->state.n_seq) {
		put_slot_head(s, false);
		json_close(&s->o, '}');
	}
	json_close(&s->o, ']');
}

static bool
has_idle(const struct model *m)
{
	return m->n_active - m->n_asides < m->state.n_seq;
}

void
inside_slots(struct http *h, const struct request *r, struct str rest)
{
	struct shown s = { .n = 0 };
	struct fail why;
	struct model *m = which_model(h, r, NULL, &why);
	struct buf body;

	(void)rest;
	if (m == NULL) {
		error_reply(h, &why);
		return;
	}
	if (query_flag(r->query, "fail_on_no_slot", false) && !has_idle(m)) {
		(void)fail_set(&why, ERR_NOT_LOADED, NULL, "no slot available");
		error_reply(h, &why);
		return;
	}
	buf_init(&body, BODY_MAX);
	s.o = json_out(&body);
	put_slots(&s, m);
	reply_buf(h, "application/json", &body);
}

void
inside_slot_action(struct http *h, const struct request *r, struct str rest)
{
	(void)r;
	(void)rest;
	refuse(h,
	    "This server does not support slots action: a slot is nobody's "
	    "own, and prompts that begin alike share what is computed of them; "
	    "JSON-RPC saves it to files");
}
