#include "keeper/modelattach.h"

#include "keeper/model.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static void
to_worker(void *arg, enum msg m, const void *st, int fd)
{
	struct model *md = arg;
	struct process *p = super_process(md->super);

	if (p != NULL)
		(void)process_send(p, m, st, fd);
}

static void
to_front(void *arg, const struct model_attached *a)
{
	struct model *m = arg;

	m->in->ops->attached(m->in->arg, a);
}

static void
saved(void *arg, const struct model_saved *s)
{
	struct model *m = arg;

	m->in->ops->saved(m->in->arg, s);
}

void
modelattach_init(struct model *m)
{
	static const struct attach_ops ops = { to_worker, to_front, saved };

	attach_init(
	    &m->attachments, &ops, m, m->id, m->in->bad_files, m->in->cachedir);
}

void
modelattach_give(struct model *m)
{
	attach_give(&m->attachments);
}

int
modelattach_on_frame(struct model *m, struct frame *f)
{
	struct worker_attached w;

	return frame_unpack(f, &w) != 0 ? ERR_PROTO
					: attach_on_reply(&m->attachments, &w);
}

int
modelattach_on_saved(struct model *m, struct frame *f)
{
	struct worker_saved w;

	return frame_unpack(f, &w) != 0 ? ERR_PROTO
					: attach_on_saved(&m->attachments, &w);
}

bool
modelattach_examine(struct model *m, struct process *p, bool outside)
{
	m->death = (struct attach_death){
		.was_reading =
		    atomic_load(&process_progress(p)->phase) == PHASE_ATTACH,
		.was_outside = outside,
	};
	return m->death.was_reading;
}

void
modelattach_on_death(struct model *m, const char *what)
{
	m->death.what = what;
	m->death.crash = super_crash_id(m->super);
	m->is_pardoned = attach_on_death(&m->attachments, &m->death);
}

void
modelattach_fail(struct model *m)
{
	struct fail why;

	if (m->is_leaving)
		(void)fail_set(
		    &why, ERR_NOT_LOADED, "model", "the model was unloaded");
	else
		model_explain(m, &why);
	attach_fail(&m->attachments, &why);
}

/* What no model can answer. */
static void
refuse(struct models *all, const struct model_attach *w, const struct fail *why)
{
	struct model_attached a = { .ref = w->ref,
		.model = w->model,
		.err = why->code,
		.text = str_of(why->text) };

	all->ops->attached(all->arg, &a);
}

/* One that is not loaded: a file wakes it as a run does. It waits for room, or
 * there has to be the end of all tries: else nobody would answer. */
static int
wake(struct model *m, struct fail *f)
{
	if (m->place.state != PLACE_IN && model_pause(m) == 0)
		return modelroom_want(m, f);
	if (m->place.state == PLACE_IN)
		return 0;
	(void)fail_set(f, ERR_NOT_LOADED, "",
	    "the model is not loaded, and cannot be now");
	f->retry_ms = model_pause(m);
	return f->code;
}

static int
find(struct models *all, const struct model_attach *w, const char *path,
    struct model **ret, struct fail *f)
{
	if (path == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	if (strlen(path) != w->path.n)
		return fail_set(
		    f, ERR_INVALID, "", "a path may hold no NUL byte");
	*ret = models_by_id(all, w->model);
	if (*ret == NULL)
		return fail_set(
		    f, ERR_NOT_LOADED, "", "the model is not loaded any more");
	if (model_status(*ret) != MODEL_FAILED)
		return wake(*ret, f);
	model_explain(*ret, f);
	return f->code;
}

void
models_attach(struct models *all, const struct model_attach *w)
{
	struct fail why = { .code = 0 };
	char *path = str_dup(w->path);
	struct model *m = NULL;

	if (find(all, w, path, &m, &why) != 0 || m == NULL) {
		refuse(all, w, &why);
	} else {
		m->attachments.n_others = m->adapters.n;
		attach_want(&m->attachments, w->ref, w->kind, path);
	}
	free(path);
}

void
models_detach(struct models *all, const struct model_detach *d)
{
	struct model *m = models_by_id(all, d->model);

	if (m != NULL)
		attach_drop(&m->attachments, d->id);
}
