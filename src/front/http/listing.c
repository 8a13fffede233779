/* A model in lists, in OpenAI's form with llama-server's members. */
#include "front/http/listing.h"

#include "front/feed.h"
#include "front/front.h"
#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/reply.h"
#include "front/model.h"
#include "front/texts.h"

#define BODY_MAX (4u << 20)

/* llama-server's names. Some is known of a file that nobody has loaded. */
static void
put_meta(struct json_out *o, const struct model_state *s)
{
	json_key(o, "meta");
	if (s->arch.n == 0) {
		json_put_cstr(o->b, NULL);
		return;
	}
	json_open(o, '{');
	json_key_u64(o, "n_vocab", s->n_vocab);
	if (s->n_ctx != 0)
		json_key_u64(o, "n_ctx", s->n_ctx);
	json_key_u64(o, "n_ctx_train", s->n_ctx_train);
	json_key_u64(o, "n_embd", s->n_embd);
	if (s->n_params != 0)
		json_key_u64(o, "n_params", s->n_params);
	json_key_u64(o, "size", s->size);
	json_key_str(o, "arch", s->arch);
	if (s->desc.n > 0)
		json_key_str(o, "desc", s->desc);
	json_key_text(o, "ftype", s->quant);
	json_key_bool(o, "has_template", s->has_template != 0);
	if (s->n_seq != 0)
		json_key_u64(o, "n_seq", s->n_seq);
	json_close(o, '}');
}

static const char *
source_word(const struct model *m)
{
	static const char *const words[] = {
		[SOURCE_CLIENT] = "client",
		[SOURCE_OPTION] = "option",
		[SOURCE_FOLDER] = "models_dir",
		[SOURCE_SECTION] = "preset",
	};

	return m->state.source <= SOURCE_SECTION ? words[m->state.source]
						 : NULL;
}

/* Text alone, whatever lies beside the file. */
static void
put_architecture(struct json_out *o)
{
	static const char *const keys[] = { "input_modalities",
		"output_modalities" };

	json_key(o, "architecture");
	json_open(o, '{');
	for (size_t i = 0; i < 2; i++) {
		json_key(o, keys[i]);
		json_open(o, '[');
		json_item(o);
		json_put_cstr(o->b, "text");
		json_close(o, ']');
	}
	json_close(o, '}');
}

void
listing_put(struct json_out *o, const struct model *m)
{
	json_open(o, '{');
	json_key_str(o, "id", m->state.name);
	json_key_cstr(o, "object", "model");
	json_key_u64(o, "created", m->front->config.started_unix);
	json_key_cstr(o, "owned_by", "bulkhead");
	texts_put(o, "aliases", m->state.aliases);
	texts_put(o, "tags", m->state.tags);
	json_key(o, "status");
	json_open(o, '{');
	json_key_cstr(o, "value", feed_word(m));
	if (m->state.status == MODEL_FAILED) {
		json_key_bool(o, "failed", true);
		json_key_str(o, "error", m->state.text);
	}
	if (m->state.status != MODEL_FAILED && m->state.flaw.n > 0)
		json_key_str(o, "unusable", m->state.flaw);
	json_close(o, '}');
	put_architecture(o);
	json_key_cstr(o, "source", source_word(m));
	json_key_str(o, "path", m->state.path);
	if (m->state.mmproj.n > 0)
		json_key_str(o, "mmproj", m->state.mmproj);
	put_meta(o, &m->state);
	json_close(o, '}');
}

void
listing_reply(struct http *h)
{
	struct front *f = http_front(h);
	struct json_out o;
	struct buf body;

	buf_init(&body, BODY_MAX);
	o = json_out(&body);
	json_open(&o, '{');
	json_key_cstr(&o, "object", "list");
	json_key(&o, "data");
	json_open(&o, '[');
	for (struct list *it = f->models.next; it != &f->models;
	     it = it->next) {
		const struct model *m = LIST_ENTRY(it, struct model, link);

		if (m->state.hidden || m->state.is_retired)
			continue;
		json_item(&o);
		listing_put(&o, m);
	}
	json_close(&o, ']');
	json_close(&o, '}');
	if (buf_err(&body) != 0)
		error_status(h, 500, NULL, "the answer is too large");
	else
		reply_json(h, buf_str(&body));
	buf_done(&body);
}
