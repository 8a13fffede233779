/*
 * The part of models.h that is asked by the front: which model is meant, and
 * what becomes of it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "keeper/model.h"
#include "keeper/modelattach.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Refuses a file whose last worker was to leave and outlived SIGKILL. */
static int
check_strays(const struct models *all, const char *path,
    const struct modelfile *file, struct fail *f)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (super_state(m->super) != CHILD_STRAY ||
		    !modelfile_is_same(&m->file, &file->st))
			continue;
		return fail_set(f, ERR_GAVE_UP, "model",
		    "model %.240s: its last worker (pid %d) hangs in the "
		    "kernel and cannot be killed; no other is started before "
		    "it is gone",
		    path, (int)process_pid(super_process(m->super)));
	}
	return 0;
}

/* A want that no model can stand for. */
static void
refuse(struct models *all, uint32_t ref, const struct fail *why)
{
	struct model_state st = {
		.ref = ref,
		.status = MODEL_FAILED,
		.err = why->code,
		.text = str_of(why->text),
		.retry_ms = why->retry_ms,
	};
	char when[FAIL_WHEN];

	log_warn("%s%s", why->text, fail_when(why->retry_ms, when));
	(void)all->ops->to_front(all->arg, &st, -1);
}

/* Opens the file at path and finds or makes its model. */
static int
find_file(struct models *all, const char *path, const struct model *like,
    uint32_t n_ctx, struct model **ret, struct fail *f)
{
	struct modelfile file;
	int err = modelfile_open(path, &file, f);

	if (err != 0)
		return err;
	*ret = models_by_file(all, &file, n_ctx);
	if (*ret != NULL) {
		modelfile_close(&file);
		return 0;
	}
	err = check_strays(all, path, &file, f);
	if (err == 0)
		err = quarantine_check(
		    all->bad_files, &file, path, clock_ms(), f);
	if (err == 0) {
		modelneed_look(all);
		err = modelroom_check(all, path, (uint64_t)file.st.st_size, f);
	}
	if (err != 0) {
		modelfile_close(&file);
		return err;
	}
	return models_make(all, path, like, &file, n_ctx, ret, f);
}

/* The path names a known model, or a file. */
static int
find(struct models *all, const char *path, uint32_t n_ctx, struct model **ret,
    struct fail *f)
{
	struct model *m = models_by_name(all, path);

	if (m == NULL && path[0] == '\0')
		return fail_set(f, ERR_NOT_FOUND, "model",
		    "no model is named, and there is no default one");
	if (m == NULL)
		return find_file(all, path, NULL, n_ctx, ret, f);
	if (!model_fits(m, n_ctx))
		return find_file(all, m->path, m, n_ctx, ret, f);
	*ret = m;
	return 0;
}

void
models_want(struct models *all, const struct model_want *w)
{
	struct fail why = { .code = 0 };
	char *path = str_dup(w->path);
	struct model *m = NULL;
	uint32_t n_ctx = w->n_ctx;
	int err;

	/* Whoever runs the server has said how long contexts are. */
	if (all->conf->ctx_size != 0 && n_ctx > all->conf->ctx_size)
		n_ctx = all->conf->ctx_size;
	if (path == NULL)
		err = fail_set(&why, ERR_NOMEM, "", "out of memory");
	else if (strlen(path) != w->path.n)
		err = fail_set(&why, ERR_INVALID, "model",
		    "model: a path may hold no NUL byte");
	else
		err = find(all, path, n_ctx, &m, &why);
	if (err != 0)
		refuse(all, w->ref, &why);
	else
		model_join(m, w->ref);
	free(path);
}

void
models_drop(struct models *all, uint32_t id)
{
	struct model *m = models_by_id(all, id);

	if (m == NULL || m->users == 0)
		return;
	m->users--;
	if (m->users == 0 && !model_may_rest(m))
		model_leave(m, false);
}

void
models_unwant(struct models *all, uint32_t ref)
{
	struct model_state st = { .ref = ref,
		.status = MODEL_FAILED,
		.err = ERR_ABORTED,
		.text = STR("not wanted any more") };
	struct list *it, *next;

	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (!model_unjoin(m, ref))
			continue;
		(void)all->ops->to_front(all->arg, &st, -1);
		if (m->n_refs == 0)
			modelroom_unwant(m);
		if (m->users == 0 && !model_may_rest(m))
			model_leave(m, false);
		return;
	}
}

/* In any case the front hears that it is not loaded: until then it takes what
 * it hears of the model for what was said before. */
void
models_let_go(struct models *all, const struct model_let_go *g)
{
	static const char *const whys[LET_GO_WHYS] = {
		[LET_GO_FOR_ROOM] = "for another that waits",
		[LET_GO_AS_IDLE] = "idle for --sleep-idle-seconds",
		[LET_GO_AS_ASKED] = "a client asked for it",
	};
	struct model *m = models_by_id(all, g->model);

	room_heard(&all->room);
	if (m != NULL && m->is_retired) {
		/* The front had not heard of that yet. */
		model_leave(m, false);
		return;
	}
	if (m == NULL || !model_may_rest(m))
		return;
	m->is_asleep = g->why == LET_GO_AS_IDLE;
	if (!modelroom_let_go(m)) {
		model_tell(m);
		return;
	}
	log_info("model %s: unloading: %s", m->name, whys[g->why]);
	if (super_state(m->super) == CHILD_DOWN)
		modelroom_dead(m);
	else
		super_event(m->super, CHILD_EV_STOP);
}

void
models_broken(struct models *all, uint32_t id)
{
	struct model *m = models_by_id(all, id);
	struct process *p = m != NULL ? super_process(m->super) : NULL;

	if (p == NULL)
		return;
	process_blame(p, "it sent the front what it may not");
	super_event(m->super, CHILD_EV_HANG);
}

void
models_waiting(struct models *all, uint32_t id)
{
	struct model *m = models_by_id(all, id);

	if (m != NULL)
		super_await(m->super);
}

void
models_scales(struct models *all, const struct model_scales *s)
{
	struct model *m = models_by_id(all, s->model);

	if (m == NULL)
		return;
	adapters_set_scales(&m->adapters, s->scales);
	model_tell(m);
}

void
models_pardon(struct models *all, const struct model_pardon *c)
{
	struct model *m = models_by_id(all, c->model);

	if (m == NULL)
		return;
	log_warn("model %s: its last deaths were the doing of request %" PRIu64
		 ", which is not tried again; they do not count",
	    m->name, c->gen);
	super_pardon(m->super);
}
