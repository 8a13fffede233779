#include "keeper/models.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "keeper/model.h"
#include "keeper/modelattach.h"
#include "keeper/modelguard.h"
#include "keeper/modelroom.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WORKER_OUT_MAX (512u * KIB) /* all that clients attach, at once */
#define UNREADY_MAX 2u		    /* deaths by a file that was never served */
#define KILL_MS 10000u		    /* for SIGKILL to work */
#define RETRY_MAX_MS (10u * 60 * 1000)

static struct child_limits
limits_of(const struct conf *conf)
{
	return (struct child_limits){
		.start_ms = conf->load_ms,
		.stop_ms = 2000,
		.hurry_ms = 500,
		.abort_ms = 2000,
		.kill_ms = KILL_MS,
		.backoff_ms = 100,
		.backoff_max_ms = 5000,
		.steady_ms = 30000,
		.window_ms = conf->restart_window_ms,
		.max_deaths = conf->restart_limit,
		.max_unready = UNREADY_MAX,
		.retry_ms = conf->retry_ms,
		.retry_max_ms = RETRY_MAX_MS,
	};
}

void
models_look_at_files(struct models *all)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all)
		modelguard_look(LIST_ENTRY(it, struct model, link));
}

static bool
any_unguarded(const struct models *all)
{
	for (struct list *it = all->all.next; it != &all->all; it = it->next) {
		const struct model *m = LIST_ENTRY(it, struct model, link);

		if (!m->is_guarded && super_process(m->super) != NULL)
			return true;
	}
	return false;
}

/* Where the kernel does not tell, a change is found a little later. */
static void
on_look(void *arg)
{
	struct models *all = arg;

	/* First, because looking may ask for less. */
	if (any_unguarded(all))
		timer_set(all->look, LOOK_MS);
	models_look_at_files(all);
}

/* One that is loaded or loads has told more, or will. */
static void
on_probed(void *arg, struct modelprobe *mp)
{
	struct model *m = LIST_ENTRY(mp, struct model, probe);

	(void)arg;
	if (m->is_resting)
		model_tell(m);
}

void
models_look_in(struct models *all)
{
	probes_start(all->probes);
}

int
models_new(struct loop *l, const struct conf *conf, const char *exe,
    const char *probe, char *const *env, struct memory *memory,
    struct cachedir *cachedir, const struct models_ops *ops, void *arg,
    struct models **ret, struct fail *f)
{
	struct models *all = calloc(1, sizeof(*all));
	int err = 0;

	if (all == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	*all = (struct models) {
		.loop = l,
		.conf = conf,
		.ops = ops,
		.arg = arg,
		.memory = memory,
		.cachedir = cachedir,
		.worker = {
			.exe = exe,
			.name = "bulkhead-worker",
			.env = env,
			.role = PROC_WORKER,
			.out_max = WORKER_OUT_MAX,
			.core = conf->core,
			.jail = (enum jail_mode)conf->jail,
		},
		.limits = limits_of(conf),
		.pulse = { conf->hang_ms, conf->load_ms },
	};
	list_init(&all->all);
	all->bad_files = quarantine_new(conf->retry_ms, RETRY_MAX_MS);
	all->look = timer_new(l, on_look, all);
	all->probes = probes_new(
	    l, (enum jail_mode)conf->jail, probe, env, on_probed, all);
	if (all->bad_files == NULL || all->look == NULL || all->probes == NULL)
		err = fail_set(f, ERR_NOMEM, "", "out of memory");
	if (err != 0) {
		models_free(all);
		return err;
	}
	*ret = all;
	return 0;
}

void
models_free(struct models *all)
{
	struct list *it, *next;

	if (all == NULL)
		return;
	LIST_EACH (it, next, &all->all)
		model_free(LIST_ENTRY(it, struct model, link));
	probes_free(all->probes);
	quarantine_free(all->bad_files);
	timer_free(all->look);
	free(all);
}

static struct model *
by_name(const struct models *all, const char *name)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (!m->is_leaving &&
		    (name[0] == '\0' ? !m->is_listed
				     : modelspec_answers(m->spec, name)))
			return m;
	}
	return NULL;
}

struct model *
models_by_id(const struct models *all, uint32_t id)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (!m->is_leaving && m->id == id)
			return m;
	}
	return NULL;
}

static struct model *
by_file(const struct models *all, const struct modelfile *file, uint32_t n_ctx)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (!m->is_leaving && m->file.engine == file->engine &&
		    modelfile_is_same(&m->file, &file->st) &&
		    model_fits(m, n_ctx))
			return m;
	}
	return NULL;
}

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

/* "name", or "name:2" and so on where that is taken. */
static void
unique_name(
    const struct models *all, const char *wish, char ret[MODEL_NAME_MAX])
{
	(void)snprintf(ret, MODEL_NAME_MAX, "%.128s", wish);
	for (unsigned i = 2; by_name(all, ret) != NULL; i++)
		(void)snprintf(ret, MODEL_NAME_MAX, "%.128s:%u", wish, i);
}

/* One that a client named by its file, which is taken over; like is the model of
 * that file that does not do, or NULL. */
static int
add(struct models *all, const char *path, const struct model *like,
    struct modelfile *file, uint32_t n_ctx, struct model **ret, struct fail *f)
{
	char name[MODEL_NAME_MAX];
	char base[MODEL_NAME_MAX];
	struct modelspec *spec;
	uint32_t least = 0;
	int err;

	modelfile_name(path, base, sizeof(base));
	unique_name(all, base, name);
	err = like != NULL ? modelspec_like(like->spec, name, &spec, f)
			   : modelspec_new(all->conf, NULL, SOURCE_CLIENT, path,
				 name, NULL, &spec, f);
	if (err != 0) {
		modelfile_close(file);
		return err;
	}
	least = spec->conf.ctx_size;
	*ret = model_new(
	    all, spec, file, least != 0 && n_ctx < least ? least : n_ctx);
	return *ret != NULL ? 0 : fail_set(f, ERR_NOMEM, "", "out of memory");
}

void
models_start(struct models *all)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (!m->is_resting || m->spec->conf.load_on_startup)
			model_start(m);
	}
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
	*ret = by_file(all, &file, n_ctx);
	if (*ret != NULL) {
		modelfile_close(&file);
		return 0;
	}
	err = check_strays(all, path, &file, f);
	if (err == 0)
		err = quarantine_check(
		    all->bad_files, &file, path, clock_ms(), f);
	if (err == 0)
		err = modelroom_check(all, path, f);
	if (err != 0) {
		modelfile_close(&file);
		return err;
	}
	return add(all, path, like, &file, n_ctx, ret, f);
}

/* The path names a known model, or a file. */
static int
find(struct models *all, const char *path, uint32_t n_ctx, struct model **ret,
    struct fail *f)
{
	struct model *m = by_name(all, path);

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
	if (m->users == 0 && !m->is_fixed && !m->is_listed)
		model_leave(m, false);
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

void
models_greet(struct models *all, pid_t front)
{
	struct list *it, *next;

	all->front = front;
	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (m->is_leaving)
			continue;
		if (m->front_end < 0)
			model_connect(m);
		model_tell(m);
	}
}

void
models_forget_front(struct models *all)
{
	struct list *it, *next;

	all->front = 0;
	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		m->users = 0;
		m->n_refs = 0;
		attach_forget(&m->attachments);
		if (!m->is_fixed && !m->is_listed && !m->is_leaving)
			model_leave(m, false);
	}
}

bool
models_own(const struct models *all, pid_t pid)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all)
		if (super_owns(LIST_ENTRY(it, struct model, link)->super, pid))
			return true;
	return probes_own(all->probes, pid);
}

void
models_stop(struct models *all, bool hurry)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all)
		model_leave(LIST_ENTRY(it, struct model, link), hurry);
}

const char *
models_default(const struct models *all)
{
	const struct model *m = by_name(all, "");

	return m != NULL ? m->name : "";
}

bool
models_ready(const struct models *all)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (m->is_fixed && super_state(m->super) != CHILD_UP)
			return false;
	}
	return true;
}

bool
models_failed(const struct models *all, struct fail *ret)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (m->is_fixed && model_status(m) == MODEL_FAILED) {
			model_explain(m, ret);
			return true;
		}
	}
	return false;
}

/* One that SIGKILL does not end is left behind. */
bool
models_gone(const struct models *all)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (super_state(m->super) != CHILD_STRAY)
			return false;
	}
	return true;
}
