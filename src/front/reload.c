#include "front/reload.h"

#include "base/list.h"
#include "front/client.h"
#include "front/conn.h"
#include "front/feed.h"
#include "front/front.h"
#include "json/write.h"
#include "wire/chan.h"

#include <stdlib.h>

struct reload {
	struct list link; /* in front->reloads */
	uint32_t ref;
	reload_fn fn; /* NULL: the asker is gone */
	void *arg;
};

int
reload_ask(const struct conn *c, reload_fn fn, void *arg, struct reload **ret,
    struct fail *why)
{
	struct front *f = conn_front(c);
	struct reload_want w;
	struct reload *r;

	if (conn_client(c)->models != NULL)
		return fail_set(why, ERR_DENIED, NULL,
		    "an API key that is for some models only has no say in "
		    "which there are");
	if (f->n_reloads == RELOADS_MAX)
		return fail_set(
		    why, ERR_BUSY, NULL, "too many wait for a reload");
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	*r = (struct reload){ .ref = ++f->next_ref, .fn = fn, .arg = arg };
	list_append(&f->reloads, &r->link);
	f->n_reloads++;
	w.ref = r->ref;
	front_tell(f, MSG_RELOAD_WANT, &w);
	*ret = r;
	return 0;
}

void
reload_cancel(struct reload *r)
{
	if (r != NULL)
		r->fn = NULL;
}

static void
drop(struct front *f, struct reload *r)
{
	list_remove(&r->link);
	f->n_reloads--;
	free(r);
}

int
reload_on_frame(struct front *f, struct frame *fr)
{
	struct list *it, *next;
	struct reloaded told;

	if (frame_unpack(fr, &told) != 0)
		return ERR_PROTO;
	if (told.err == 0)
		feed_reloaded(f);
	LIST_EACH (it, next, &f->reloads) {
		struct reload *r = LIST_ENTRY(it, struct reload, link);
		reload_fn fn = r->fn;
		void *arg = r->arg;

		if (r->ref != told.ref)
			continue;
		drop(f, r);
		if (fn != NULL)
			fn(arg, &told);
		break;
	}
	return 0;
}

void
reload_put(struct json_out *o, const struct reloaded *r)
{
	json_open(o, '{');
	json_key_bool(o, "success", true);
	json_key_u64(o, "added", r->n_added);
	json_key_u64(o, "changed", r->n_changed);
	json_key_u64(o, "removed", r->n_removed);
	json_close(o, '}');
}

void
reload_free_all(struct front *f)
{
	while (!list_empty(&f->reloads))
		drop(f, LIST_ENTRY(f->reloads.next, struct reload, link));
}
