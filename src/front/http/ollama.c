/*
 * What Ollama's clients ask for beside an answer. They are told of the models
 * that the keeper serves; what changes that is the operator's business, and
 * refused with a word on how it is done.
 */
#include "front/http/ollama.h"

#include "base/clock.h"
#include "front/front.h"
#include "front/http/body.h"
#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/reply.h"
#include "front/model.h"
#include "json/fields.h"

#include <string.h>
#include <time.h>

#define BODY_MAX (4u << 20)
#define NAME_MAX_BYTES 4096
/* Whose interface this is: clients look whether theirs is old enough. */
#define OLLAMA_VERSION "0.12.11"
/* Of a model that is not unloaded by itself: the last that Go can tell. */
#define NEVER_S 9223372036
#define NEVER_NS 854775807u

void
ollama_version(struct http *h, const struct request *r, struct str rest)
{
	struct json_out o;
	struct buf body;

	(void)r;
	(void)rest;
	buf_init(&body, BODY_MAX);
	o = json_out(&body);
	json_open(&o, '{');
	json_key_cstr(&o, "version", OLLAMA_VERSION);
	json_key_str(&o, "bulkhead", http_front(h)->config.version);
	json_close(&o, '}');
	reply_buf(h, "application/json", &body);
}

/*
 * Lists
 */

static bool
is_loaded(const struct model *m)
{
	return m->state.status == MODEL_UP ||
	    m->state.status == MODEL_RESTARTING;
}

/* When it is unloaded, if nobody asks for it any more. */
static void
put_expiry(struct json_out *o, const struct model *m)
{
	uint64_t sleep_ms = m->front->config.sleep_ms;
	uint64_t idle_ms =
	    m->n_gens + m->n_users > 0 ? 0 : clock_ms() - m->used_ms;
	struct timespec now;
	uint64_t left;

	json_key(o, "expires_at");
	if (sleep_ms == 0 || !m->state.may_rest) {
		ollama_put_time(o->b, NEVER_S, NEVER_NS);
		return;
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	left = idle_ms < sleep_ms ? sleep_ms - idle_ms : 0;
	ollama_put_time(
	    o->b, now.tv_sec + (int64_t)(left / 1000), (uint32_t)now.tv_nsec);
}

static void
put_model(struct json_out *o, const struct model *m, bool is_of_loaded)
{
	const struct model_state *s = &m->state;

	json_open(o, '{');
	ollama_put_name(o, "name", s->name);
	ollama_put_name(o, "model", s->name);
	ollama_put_file(o, s);
	ollama_put_details(o, s);
	if (is_of_loaded) {
		put_expiry(o, m);
		json_key_u64(o, "size_vram", 0);
		json_key_u64(o, "context_length", s->n_ctx);
	}
	json_close(o, '}');
}

static void
reply_models(struct http *h, bool only_loaded)
{
	struct front *f = http_front(h);
	struct json_out o;
	struct buf body;

	buf_init(&body, BODY_MAX);
	o = json_out(&body);
	json_open(&o, '{');
	json_key(&o, "models");
	json_open(&o, '[');
	for (struct list *it = f->models.next; it != &f->models;
	     it = it->next) {
		const struct model *m = LIST_ENTRY(it, struct model, link);

		if (m->state.hidden || m->state.is_retired ||
		    (only_loaded && !is_loaded(m)))
			continue;
		/* A client chooses from the list. */
		if (!only_loaded && m->state.flaw.n > 0)
			continue;
		json_item(&o);
		put_model(&o, m, only_loaded);
	}
	json_close(&o, ']');
	json_close(&o, '}');
	reply_buf(h, "application/json", &body);
}

void
ollama_tags(struct http *h, const struct request *r, struct str rest)
{
	(void)r;
	(void)rest;
	reply_models(h, false);
}

void
ollama_ps(struct http *h, const struct request *r, struct str rest)
{
	(void)r;
	(void)rest;
	reply_models(h, true);
}

/*
 * One model
 */

int
ollama_no_model(struct str name, struct fail *why)
{
	if (name.n == 0)
		return fail_set(why, ERR_INVALID, "model", "model is required");
	return fail_set(why, ERR_NOT_FOUND, "model", "model '%.*s' not found",
	    (int)(name.n < 200 ? name.n : 200), name.p);
}

struct model *
ollama_model(const struct front *f, struct str name, struct fail *why)
{
	struct model *m = name.n > 0 ? model_find(f, name) : NULL;

	if (m == NULL)
		(void)ollama_no_model(name, why);
	return m;
}

struct named {
	struct str model, name;
};

static const struct json_field named_fields[] = {
	{ "model", JSON_TO_STR, offsetof(struct named, model), JSON_NULLABLE, 0,
	    NAME_MAX_BYTES, NULL },
	{ "name", JSON_TO_STR, offsetof(struct named, name), JSON_NULLABLE, 0,
	    NAME_MAX_BYTES, NULL },
};

/* The model that a body names, by the old name of the field or the new one.
 * NULL: *why. */
static struct model *
model_of(struct http *h, struct str body, struct fail *why)
{
	struct named n = { .model = STR(""), .name = STR("") };
	struct model *m = NULL;
	struct json_doc *doc;

	if (body_parse(body, JSON_OBJECT, &doc, why) != 0)
		return NULL;
	if (json_read_fields(json_root(doc), named_fields, 2, NULL, &n, why) ==
	    0)
		m = ollama_model(
		    http_front(h), n.model.n > 0 ? n.model : n.name, why);
	json_free(doc);
	return m;
}

/* ,"llama.context_length":1024 - the architecture is the file's own word. */
static void
put_own(struct json_out *o, const struct model_state *s, const char *key,
    uint64_t v)
{
	json_item(o);
	buf_puts(o->b, "\"");
	json_put_escaped(o->b, s->arch);
	buf_printf(o->b, ".%s\":%llu", key, (unsigned long long)v);
}

static void
put_info(struct json_out *o, const struct model_state *s)
{
	json_key(o, "model_info");
	json_open(o, '{');
	if (s->arch.n > 0) {
		json_key_str(o, "general.architecture", s->arch);
		json_key_u64(o, "general.parameter_count", s->n_params);
		put_own(o, s, "context_length", s->n_ctx_train);
		put_own(o, s, "embedding_length", s->n_embd);
		put_own(o, s, "vocab_size", s->n_vocab);
	}
	json_close(o, '}');
}

static bool
has_word(struct str text, const char *word)
{
	return text.n > 0 && memmem(text.p, text.n, word, strlen(word)) != NULL;
}

/* What a template knows of is what it has a word for. */
static bool
is_thinking(const struct model_state *s)
{
	return has_word(s->chat_template, "<think>") ||
	    has_word(s->chat_template, "enable_thinking") ||
	    has_word(s->chat_template, "reasoning_content");
}

static void
put_capabilities(struct json_out *o, const struct model_state *s)
{
	const struct {
		const char *name;
		bool has;
	} all[] = {
		{ "completion", !s->only_embeds },
		{ "tools", has_word(s->chat_template, "tools") },
		{ "insert", s->has_infill },
		{ "embedding", s->only_embeds },
		{ "thinking", is_thinking(s) },
	};

	json_key(o, "capabilities");
	json_open(o, '[');
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!all[i].has)
			continue;
		json_item(o);
		json_put_cstr(o->b, all[i].name);
	}
	json_close(o, ']');
}

static void
put_shown(struct json_out *o, const struct model_state *s)
{
	json_open(o, '{');
	json_key_cstr(o, "license", "");
	json_key_cstr(o, "modelfile", "");
	json_key(o, "parameters");
	if (s->n_ctx > 0)
		buf_printf(o->b, "\"num_ctx %u\"", s->n_ctx);
	else
		json_put_cstr(o->b, "");
	json_key_str(o, "template", s->chat_template);
	json_key_cstr(o, "system", "");
	ollama_put_details(o, s);
	put_info(o, s);
	put_capabilities(o, s);
	ollama_put_file(o, s);
	json_close(o, '}');
}

void
ollama_show(struct http *h, const struct request *r, struct str rest)
{
	struct fail why;
	struct model *m = model_of(h, r->body, &why);
	struct json_out o;
	struct buf body;

	(void)rest;
	if (m == NULL) {
		error_reply(h, &why);
		return;
	}
	buf_init(&body, BODY_MAX);
	o = json_out(&body);
	put_shown(&o, &m->state);
	reply_buf(h, "application/json", &body);
}

/*
 * What is not done here
 */

/* A model that is there already is what a pull would have led to. */
void
ollama_pull(struct http *h, const struct request *r, struct str rest)
{
	struct fail why;
	struct model *m = model_of(h, r->body, &why);

	(void)rest;
	if (m != NULL) {
		reply_send(h, 200, "application/x-ndjson", "",
		    STR("{\"status\":\"success\"}\n"));
		return;
	}
	if (why.code == ERR_NOT_FOUND)
		(void)fail_set(&why, ERR_UNSUPPORTED, "model",
		    "%s, and nothing is pulled here: put its GGUF file into "
		    "the folder of --models-dir, or name it with -m; GET "
		    "/api/tags lists what is served",
		    why.text);
	error_reply(h, &why);
}

void
ollama_refuse(struct http *h, const struct request *r, struct str rest)
{
	struct fail why;

	(void)rest;
	(void)fail_set(&why, ERR_UNSUPPORTED, NULL,
	    "%.*s is not served: models are files that the server's operator "
	    "gives with -m or --models-dir; GET /api/tags lists them",
	    (int)(r->path.n < 200 ? r->path.n : 200), r->path.p);
	error_reply(h, &why);
}

void
ollama_unknown(struct http *h, const struct request *r, struct str rest)
{
	(void)rest;
	error_status(h, 404, NULL, "nothing is served at %.*s",
	    (int)(r->path.n < 200 ? r->path.n : 200), r->path.p);
}
