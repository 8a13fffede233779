#include "front/attach.h"

#include "base/log.h"
#include "front/front.h"
#include "front/model.h"

#include <stdio.h>
#include <stdlib.h>

struct attach {
	struct list link; /* in front->attaches */
	struct front *front;
	uint32_t ref;
	attach_fn fn; /* NULL: the asker is gone */
	void *arg;
};

struct attach *
attach_ask(struct model *m, enum attach_kind kind, struct str path,
    attach_fn fn, void *arg)
{
	struct front *f = m->front;
	struct attach *a = calloc(1, sizeof(*a));
	struct model_attach w = {
		.model = m->state.model, .kind = (uint8_t)kind, .path = path
	};

	if (a == NULL)
		return NULL;
	*a = (struct attach){
		.front = f, .ref = ++f->next_ref, .fn = fn, .arg = arg
	};
	w.ref = a->ref;
	list_append(&f->attaches, &a->link);
	front_tell(f, MSG_MODEL_ATTACH, &w);
	return a;
}

void
attach_cancel(struct attach *a)
{
	if (a != NULL)
		a->fn = NULL;
}

struct attached *
attached_hold(struct attached *one)
{
	if (one != NULL)
		one->refs++;
	return one;
}

static void
give_back(struct front *f, uint32_t model, uint32_t id)
{
	struct model_detach d = { .model = model, .id = id };

	front_tell(f, MSG_MODEL_DETACH, &d);
}

void
attached_drop(struct attached *one)
{
	if (one == NULL || --one->refs > 0)
		return;
	if (one->model != NULL && one->lost.code == 0)
		give_back(one->model->front, one->model->state.model, one->id);
	list_remove(&one->link);
	free(one);
}

/* NULL: out of memory, or no such model any more. */
static struct attached *
attached_new(struct front *f, const struct model_attached *m)
{
	struct model *model = model_by_id(f, m->model);
	struct attached *one = model == NULL ? NULL : calloc(1, sizeof(*one));

	if (one == NULL)
		return NULL;
	one->model = model;
	one->id = m->id;
	one->refs = 1;
	list_append(&model->attached, &one->link);
	return one;
}

static struct attach *
find(struct front *f, uint32_t ref)
{
	struct list *it, *next;

	LIST_EACH (it, next, &f->attaches) {
		struct attach *a = LIST_ENTRY(it, struct attach, link);

		if (a->ref == ref)
			return a;
	}
	return NULL;
}

static void
reason(const struct model_attached *m, struct fail *ret)
{
	(void)fail_set(ret, m->err < 0 ? m->err : ERR_INTERNAL, NULL, "%.*s",
	    (int)m->text.n, m->text.n > 0 ? m->text.p : "");
	(void)snprintf(ret->crash, sizeof(ret->crash), "%.*s",
	    (int)m->crash_id.n, m->crash_id.n > 0 ? m->crash_id.p : "");
	ret->retry_ms = m->retry_ms;
}

/* What waits for it may end, and with it a connection and all that it has of
 * the model: whoever walks the list must begin anew. */
static void
settle(struct attached *one, const struct fail *verdict)
{
	one->is_saved = true;
	one->verdict = *verdict;
	if (one->on_saved != NULL)
		one->on_saved(one->arg);
}

/* Of what is not there any more nothing comes. */
static struct attached *
first_unsettled(const struct model *m, uint32_t id)
{
	struct list *it, *next;

	LIST_EACH (it, next, &m->attached) {
		struct attached *one = LIST_ENTRY(it, struct attached, link);

		if (one->id == id && !one->is_saved)
			return one;
	}
	return NULL;
}

static void
on_lost(struct front *f, const struct model_attached *m)
{
	struct model *model = model_by_id(f, m->model);
	struct attached *one;
	struct list *it, *next;
	struct fail why;

	if (model == NULL)
		return;
	reason(m, &why);
	LIST_EACH (it, next, &model->attached) {
		one = LIST_ENTRY(it, struct attached, link);
		if (one->id == m->id)
			one->lost = why;
	}
	while ((one = first_unsettled(model, m->id)) != NULL)
		settle(one, &why);
}

int
attach_on_saved(struct front *f, struct frame *fr)
{
	struct model_saved m;
	struct fail verdict = { .code = 0 };
	struct attached *one;
	struct model *model;

	if (frame_unpack(fr, &m) != 0)
		return ERR_PROTO;
	model = model_by_id(f, m.model);
	if (model == NULL)
		return 0;
	if (m.err != 0)
		(void)fail_set(&verdict, m.err < 0 ? m.err : ERR_INTERNAL, NULL,
		    "%.*s", (int)m.text.n, m.text.n > 0 ? m.text.p : "");
	one = first_unsettled(model, m.id); /* nobody else has it */
	if (one != NULL)
		settle(one, &verdict);
	return 0;
}

static void
on_answer(struct front *f, struct attach *a, const struct model_attached *m)
{
	struct attached *one = NULL;
	struct fail why;

	list_remove(&a->link);
	if (m->err == 0 && a->fn != NULL)
		one = attached_new(f, m);
	if (m->err == 0 && one == NULL)
		give_back(f, m->model, m->id);
	if (m->err != 0)
		reason(m, &why);
	else if (one == NULL && model_by_id(f, m->model) == NULL)
		(void)fail_set(
		    &why, ERR_NOT_LOADED, NULL, "the model is gone meanwhile");
	else if (one == NULL)
		(void)fail_set(&why, ERR_NOMEM, NULL, "out of memory");
	if (a->fn != NULL)
		a->fn(a->arg, one, &why);
	free(a);
}

int
attach_on_frame(struct front *f, struct frame *fr)
{
	struct model_attached m;
	struct attach *a;

	if (frame_unpack(fr, &m) != 0)
		return ERR_PROTO;
	a = find(f, m.ref);
	if (a != NULL)
		on_answer(f, a, &m);
	else if (m.ref == 0)
		on_lost(f, &m);
	return 0;
}

/* The keeper has no more of them for one model. */
#define FILES_MAX 64u

uint32_t
attach_count(const struct model *m)
{
	uint32_t seen[FILES_MAX];
	uint32_t n = 0;

	for (const struct list *it = m->attached.next;
	     it != &m->attached && n < FILES_MAX; it = it->next) {
		uint32_t id = LIST_ENTRY(it, struct attached, link)->id;
		uint32_t i = 0;

		while (i < n && seen[i] != id)
			i++;
		seen[i] = id;
		n += i == n;
	}
	return n;
}

void
attach_forget(struct model *m)
{
	struct list *it, *next;

	LIST_EACH (it, next, &m->attached) {
		struct attached *one = LIST_ENTRY(it, struct attached, link);

		one->model = NULL;
		(void)fail_set(
		    &one->lost, ERR_NOT_LOADED, NULL, "the model was unloaded");
	}
	while (!list_empty(&m->attached)) {
		struct attached *one =
		    LIST_ENTRY(m->attached.next, struct attached, link);
		struct fail why = one->lost;

		list_remove(&one->link);
		if (!one->is_saved)
			settle(one, &why);
	}
}

void
attach_free_all(struct front *f)
{
	struct list *it, *next;

	LIST_EACH (it, next, &f->attaches) {
		struct attach *a = LIST_ENTRY(it, struct attach, link);

		list_remove(&a->link);
		free(a);
	}
}
