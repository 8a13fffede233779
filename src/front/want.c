#include "front/want.h"

#include "base/clock.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/gen.h"
#include "front/model.h"

#include <stdlib.h>

struct want {
	struct list link; /* in front->wants */
	struct front *front;
	struct timer *timer; /* its deadline */
	uint32_t ref;
	char *path;
	want_fn fn; /* NULL: the asker is gone */
	void *arg;
};

bool
want_is_for(const struct model *m)
{
	const struct list *head = &m->front->wants;

	for (struct list *it = head->next; it != head; it = it->next)
		if (model_find(m->front,
			str_of(LIST_ENTRY(it, struct want, link)->path)) == m)
			return true;
	return false;
}

static void
want_free(struct want *w)
{
	timer_free(w->timer);
	free(w->path);
	free(w);
}

void
want_answer(
    struct front *f, uint32_t ref, struct model *m, const struct fail *why)
{
	struct list *it, *next;

	LIST_EACH (it, next, &f->wants) {
		struct want *w = LIST_ENTRY(it, struct want, link);

		if (w->ref != ref)
			continue;
		list_remove(&w->link);
		f->is_letting = true; /* its model may be idle now */
		if (m != NULL)
			m->n_users++;
		if (w->fn != NULL)
			w->fn(w->arg, m, why);
		else if (m != NULL)
			model_drop(m);
		want_free(w);
		return;
	}
}

/* It stays until the keeper has answered: it may have it up already. */
void
want_cancel(struct want *w)
{
	struct model_unwant u;

	if (w == NULL)
		return;
	w->fn = NULL;
	u.ref = w->ref;
	front_tell(w->front, MSG_MODEL_UNWANT, &u);
}

static void
fail_want(struct want *w, const struct fail *why)
{
	want_fn fn = w->fn;
	void *arg = w->arg;

	want_cancel(w);
	fn(arg, NULL, why);
}

void
want_fail_all(struct model *m, const struct fail *why)
{
	struct front *f = m->front;
	struct list *it, *next;

	LIST_EACH (it, next, &f->wants) {
		struct want *w = LIST_ENTRY(it, struct want, link);

		if (w->fn != NULL && model_find(f, str_of(w->path)) == m)
			fail_want(w, why);
	}
}

static void
on_want_timer(void *arg)
{
	struct want *w = arg;
	struct front *f = w->front;
	const struct gen_times t = { .queue_ms = f->config.queue_ms };
	struct fail why;

	(void)deadline_fail(DEADLINE_LOAD, &t, &why);
	if (w->fn != NULL)
		fail_want(w, &why);
	conn_turn(f);
}

struct want *
model_want(
    struct front *f, struct str path, uint32_t n_ctx, want_fn fn, void *arg)
{
	struct want *w = calloc(1, sizeof(*w));
	struct model_want m = { .path = path, .n_ctx = n_ctx };

	if (w == NULL)
		return NULL;
	*w = (struct want){ .front = f,
		.path = str_dup(path),
		.timer = timer_new(f->loop, on_want_timer, w),
		.fn = fn,
		.arg = arg };
	if (w->path == NULL || w->timer == NULL) {
		want_free(w);
		return NULL;
	}
	if (fn != NULL && f->config.queue_ms > 0)
		timer_set(w->timer, f->config.queue_ms);
	w->ref = ++f->next_ref;
	m.ref = w->ref;
	list_append(&f->wants, &w->link);
	front_tell(f, MSG_MODEL_WANT, &m);
	return w;
}

void
want_free_all(struct front *f)
{
	while (!list_empty(&f->wants)) {
		struct want *w = LIST_ENTRY(f->wants.next, struct want, link);

		list_remove(&w->link);
		want_free(w);
	}
}

uint32_t
want_ref(const struct want *w)
{
	return w->ref;
}
