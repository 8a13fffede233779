#include "keeper/models.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "keeper/model.h"
#include "keeper/modelattach.h"
#include "keeper/modelguard.h"
#include "keeper/modelpace.h"
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
	modelroom_note(m);
	if (m->place.state != PLACE_IN)
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
	if (modelroom_init(all) != 0 || modelpace_init(all) != 0 ||
	    all->bad_files == NULL || all->look == NULL || all->probes == NULL)
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
	modelroom_done(all);
	modelpace_done(all);
	free(all);
}

struct model *
models_by_name(const struct models *all, const char *name)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (!m->is_leaving && !m->is_retired &&
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

struct model *
models_by_file(
    const struct models *all, const struct modelfile *file, uint32_t n_ctx)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (!m->is_leaving && !m->is_retired &&
		    m->file.engine == file->engine &&
		    modelfile_is_same(&m->file, &file->st) &&
		    model_fits(m, n_ctx))
			return m;
	}
	return NULL;
}

/* "name", or "name:2" and so on where that is taken. */
static void
unique_name(
    const struct models *all, const char *wish, char ret[MODEL_NAME_MAX])
{
	(void)snprintf(ret, MODEL_NAME_MAX, "%.128s", wish);
	for (unsigned i = 2; models_by_name(all, ret) != NULL; i++)
		(void)snprintf(ret, MODEL_NAME_MAX, "%.128s:%u", wish, i);
}

/* One that a client named by its file, which is taken over; like is the model of
 * that file that does not do, or NULL. */
int
models_make(struct models *all, const char *path, const struct model *like,
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

		if (m->is_fixed)
			modelroom_seat(m);
		else if (m->spec->conf.load_on_startup)
			model_wake(m);
	}
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
	modelroom_new_front(all);
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
		modelroom_unwant(m);
		if (!model_may_rest(m) && !m->is_leaving)
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
	const struct model *m = models_by_name(all, "");

	return m != NULL ? m->name : "";
}

bool
models_ready(const struct models *all)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (m->is_fixed && m->place.state == PLACE_IN &&
		    super_state(m->super) != CHILD_UP)
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
