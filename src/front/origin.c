#include "front/origin.h"

#include "front/front.h"
#include "front/model.h"

#include <stdlib.h>

#define TEXT_MAX (32u * KIB)

struct origin {
	struct journal *in;
	uint32_t slot;
	uint32_t users;
	struct buf text;	     /* packed, as in the journal */
	struct journal_origin parts; /* strings in text */
};

static void
pack(const struct model_state *s, struct buf *out)
{
	struct journal_origin o = {
		.model = s->model,
		.name = s->name,
		.path = s->path,
		.file = s->file,
		.identity = s->identity,
	};

	layout_pack(&layout_journal_origin, &o, out);
}

/* Takes over text, also when it fails. */
static struct origin *
origin_new(struct journal *in, struct buf *text)
{
	struct origin *o = calloc(1, sizeof(*o));
	uint32_t slot;

	if (o == NULL || buf_err(text) != 0 ||
	    layout_unpack(&layout_journal_origin, &o->parts, buf_data(text),
		buf_len(text)) != 0)
		goto failed;
	slot = journal_text_new(
	    in, JOURNAL_ORIGIN, ++in->n_origins, buf_str(text));
	if (slot == 0)
		goto failed;
	o->in = in;
	o->slot = slot;
	o->users = 1;
	o->text = *text;
	return o;
failed:
	buf_done(text);
	free(o);
	return NULL;
}

struct origin *
origin_now(struct model *m)
{
	struct origin *o = m->origin;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	pack(&m->state, &text);
	if (o != NULL && str_eq(buf_str(&o->text), buf_str(&text))) {
		buf_done(&text);
		return o;
	}
	o = origin_new(&m->front->journal, &text);
	if (o != NULL) {
		origin_drop(m->origin);
		m->origin = o;
	}
	return o;
}

uint32_t
origin_slot(const struct origin *o)
{
	return o->slot;
}

bool
origin_same_file(const struct origin *a, const struct origin *b)
{
	return a->parts.model == b->parts.model &&
	    str_eq(a->parts.file, b->parts.file);
}

struct origin *
origin_hold(struct origin *o)
{
	if (o != NULL)
		o->users++;
	return o;
}

void
origin_drop(struct origin *o)
{
	if (o == NULL || --o->users > 0)
		return;
	journal_text_free(o->in, o->slot);
	buf_done(&o->text);
	free(o);
}
