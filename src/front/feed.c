#include "front/feed.h"

#include "front/front.h"
#include "front/model.h"
#include "json/write.h"

#define EVENT_MAX (16u * KIB)

const char *
feed_word(const struct model *m)
{
	static const char *const words[] = {
		[MODEL_KNOWN] = "unloaded",
		[MODEL_STARTING] = "loading",
		[MODEL_UP] = "loaded",
		[MODEL_RESTARTING] = "loading",
		[MODEL_FAILED] = "failed",
		[MODEL_GONE] = "gone",
	};
	const struct model_state *s = &m->state;

	if (s->status == MODEL_KNOWN && s->is_asleep)
		return "sleeping";
	return s->status > 0 && s->status <= MODEL_GONE ? words[s->status]
							: "unloaded";
}

/* Between { and } of an event's data. */
typedef void (*data_fn)(
    struct json_out *o, const struct model *m, const char *word);

/* As llama-server says it: what failed is unloaded, with an exit code. */
static void
put_status(struct json_out *o, const struct model *m, const char *word)
{
	bool is_failed = m->state.status == MODEL_FAILED;

	json_key_cstr(o, "status", is_failed ? "unloaded" : word);
	if (!is_failed)
		return;
	json_key_u64(o, "exit_code", 1);
	json_key_str(o, "error", m->state.text);
}

static void
put_progress(struct json_out *o, const struct model *m, const char *word)
{
	json_key_cstr(o, "status", word);
	json_key(o, "progress");
	json_open(o, '{');
	json_key(o, "stages");
	json_open(o, '[');
	json_item(o);
	json_put_cstr(o->b, "text_model");
	json_close(o, ']');
	json_key_cstr(o, "current", "text_model");
	json_key_f64(o, "value", m->percent / 100.0);
	json_close(o, '}');
}

static void
tell_all(struct front *f, const struct buf *event)
{
	struct list *it, *next;

	LIST_EACH (it, next, &f->feed) {
		struct feed_ear *e = LIST_ENTRY(it, struct feed_ear, link);

		if (buf_err(event) == 0)
			e->tell(e->arg, buf_str(event));
	}
}

/* m: NULL: "*", which is all of them; data: NULL: it has none. */
static void
tell(struct front *f, const struct model *m, const char *event, data_fn data)
{
	struct json_out o;
	struct buf b;

	if (list_empty(&f->feed))
		return;
	buf_init(&b, EVENT_MAX);
	o = json_out(&b);
	json_open(&o, '{');
	json_key_str(&o, "model", m != NULL ? m->state.name : STR("*"));
	json_key_cstr(&o, "event", event);
	if (data != NULL) {
		json_key(&o, "data");
		json_open(&o, '{');
		data(&o, m, feed_word(m));
		json_close(&o, '}');
	}
	json_close(&o, '}');
	tell_all(f, &b);
	buf_done(&b);
}

void
feed_model(struct model *m)
{
	const char *word = feed_word(m), *was = m->told;
	bool was_failed = m->has_failed;

	m->told = word;
	m->has_failed = m->state.status == MODEL_FAILED;
	/* What failed was told as unloaded. */
	if (word == was || (was_failed && m->state.status == MODEL_KNOWN))
		return;
	if (m->state.status == MODEL_GONE)
		tell(m->front, m, "model_remove", NULL);
	else
		tell(m->front, m, "model_status", put_status);
}

int
feed_on_loading(struct front *f, struct frame *fr)
{
	struct model_loading l;
	struct model *m;

	if (frame_unpack(fr, &l) != 0 || l.percent > 100)
		return ERR_PROTO;
	m = model_by_id(f, l.model);
	if (m == NULL ||
	    (m->state.status != MODEL_STARTING &&
		m->state.status != MODEL_RESTARTING))
		return 0;
	m->percent = l.percent;
	tell(m->front, m, "model_status", put_progress);
	return 0;
}

void
feed_reloaded(struct front *f)
{
	tell(f, NULL, "models_reload", NULL);
}

void
feed_end(struct front *f)
{
	while (!list_empty(&f->feed)) {
		struct feed_ear *e =
		    LIST_ENTRY(f->feed.next, struct feed_ear, link);

		e->end(e->arg);
	}
}
