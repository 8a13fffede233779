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

static void
tell(struct front *f, struct str json)
{
	struct list *it, *next;

	LIST_EACH (it, next, &f->feed) {
		struct feed_ear *e = LIST_ENTRY(it, struct feed_ear, link);

		e->tell(e->arg, json);
	}
}

/* As llama-server says it: what failed is unloaded, with an exit code. */
static void
put_data(struct json_out *o, const struct model *m, const char *word)
{
	bool is_failed = m->state.status == MODEL_FAILED;

	json_key(o, "data");
	json_open(o, '{');
	json_key_cstr(o, "status", is_failed ? "unloaded" : word);
	if (is_failed) {
		json_key_u64(o, "exit_code", 1);
		json_key_str(o, "error", m->state.text);
	}
	json_close(o, '}');
}

void
feed_model(struct model *m)
{
	const char *word = feed_word(m), *was = m->told;
	bool was_failed = m->has_failed;
	bool is_gone = m->state.status == MODEL_GONE;
	struct json_out o;
	struct buf b;

	m->told = word;
	m->has_failed = m->state.status == MODEL_FAILED;
	/* What failed was told as unloaded. */
	if (word == was || list_empty(&m->front->feed) ||
	    (was_failed && m->state.status == MODEL_KNOWN))
		return;
	buf_init(&b, EVENT_MAX);
	o = json_out(&b);
	json_open(&o, '{');
	json_key_str(&o, "model", m->state.name);
	json_key_cstr(&o, "event", is_gone ? "model_remove" : "model_status");
	if (!is_gone)
		put_data(&o, m, word);
	json_close(&o, '}');
	if (buf_err(&b) == 0)
		tell(m->front, buf_str(&b));
	buf_done(&b);
}
