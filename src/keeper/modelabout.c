#include "keeper/modelabout.h"

#include "keeper/model.h"

#include <stdio.h>

#define TEXTS_MAX (192u * KIB) /* of a WORKER_READY */

void
modelabout_init(struct model *m)
{
	buf_init(&m->texts, TEXTS_MAX);
}

static void
keep_text(struct str *s, char *copy, size_t size)
{
	(void)snprintf(copy, size, "%.*s", (int)s->n, s->n > 0 ? s->p : "");
	*s = str_of(copy);
}

/* The frame goes with its worker; what the front is told of does not: every
 * text of a description. */
static void
keep_texts(struct model *m, struct worker_ready *r)
{
#define TEXT_u8(member)
#define TEXT_u32(member)
#define TEXT_u64(member)
#define TEXT_str(member) &r->member,
#define TEXT(s, kind, member, what) TEXT_##kind(member)
	struct str *const all[] = { MODEL_DESCRIPTION_FIELDS(TEXT, ) };
#undef TEXT
#undef TEXT_u8
#undef TEXT_u32
#undef TEXT_u64
#undef TEXT_str
	size_t at = 0;

	buf_reset(&m->texts);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		buf_put_str(&m->texts, *all[i]);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (buf_err(&m->texts) != 0)
			*all[i] = STR("");
		all[i]->p = (const char *)buf_data(&m->texts) + at;
		at += all[i]->n;
	}
}

void
modelabout_keep(struct model *m, const struct worker_ready *r)
{
	m->about = *r;
	keep_texts(m, &m->about);
	keep_text(&m->about.arch, m->arch, sizeof(m->arch));
	keep_text(&m->about.desc, m->desc, sizeof(m->desc));
	keep_text(&m->about.identity, m->identity, sizeof(m->identity));
}
