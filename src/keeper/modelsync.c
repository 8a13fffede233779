#include "keeper/modelsync.h"

#include "base/log.h"
#include "keeper/model.h"
#include "keeper/modelattach.h"

#include <string.h>

int
modelsync_adapters(struct model *m, struct fail *f)
{
	const struct modelconf *c = &m->spec->conf;
	struct adapters now = { .n = 0 };
	int err;

	if (m->spec->source == SOURCE_CLIENT)
		return 0;
	err = adapters_open(&now, &c->lora, &c->lora_scaled, f);
	if (err != 0) {
		adapters_close(&now);
		return err;
	}
	adapters_close(&m->adapters);
	m->adapters = now;
	return 0;
}

/* One of --model: it is known at once whether it can be read. */
static int
add_fixed(struct models *all, struct modelspec *spec, struct fail *f)
{
	struct modelfile file;
	struct model *m;
	int err = modelfile_open(spec->path, &file, f);

	if (err != 0)
		return err;
	m = model_new(all, spec, &file, spec->conf.ctx_size);
	if (m == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	return modelsync_adapters(m, f);
}

static bool
is_pinned(const struct conf *conf, const struct modelspec *spec)
{
	for (size_t i = 0; i < conf->pin.n; i++)
		if (modelspec_answers(spec, conf->pin.v[i]))
			return true;
	return false;
}

static int
add_listed(struct models *all, struct modelspec *spec, struct fail *f)
{
	struct modelfile file = { .fd = -1,
		.engine = modelfile_engine(spec->path) };
	struct model *m;

	/* Which one it is, as long as nobody has opened it. */
	(void)stat(spec->path, &file.st);
	m = model_new(all, spec, &file, spec->conf.ctx_size);
	if (m == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	m->is_pinned = spec->conf.pin || is_pinned(all->conf, spec);
	modelroom_note(m);
	if (file.engine == ENGINE_LLAMA && spec->flaw[0] == '\0')
		probes_ask(all->probes, &m->probe, m->path);
	return 0;
}

int
models_take(struct models *all, struct catalog *c, struct fail *f)
{
	struct list *it, *next;
	int err = 0;

	LIST_EACH (it, next, &c->specs) {
		struct modelspec *spec = LIST_ENTRY(it, struct modelspec, link);

		if (err != 0)
			break;
		c->n--;
		err = spec->source == SOURCE_OPTION ? add_fixed(all, spec, f)
						    : add_listed(all, spec, f);
	}
	return err;
}

/* Models of the configuration that is there now. */
static bool
is_ours(const struct model *m)
{
	return model_may_rest(m) && !m->is_leaving;
}

static struct model *
find_ours(const struct models *all, const char *name)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);

		if (is_ours(m) && strcmp(m->name, name) == 0)
			return m;
	}
	return NULL;
}

/* One that leaves is nobody's any more. */
static bool
has_worker(const struct model *m)
{
	return m->place.state == PLACE_IN &&
	    super_state(m->super) != CHILD_DOWN;
}

/* Whether a worker of m, as it is, does for spec too. */
static bool
is_same(const struct model *m, const struct modelspec *spec)
{
	return modelspec_is_same(m->spec, spec) &&
	    (!has_worker(m) || !modelfile_has_heir(&m->file, spec->path));
}

static int
try_adapters(const struct modelconf *c, struct fail *f)
{
	struct adapters a = { .n = 0 };
	int err = adapters_open(&a, &c->lora, &c->lora_scaled, f);

	adapters_close(&a);
	return err;
}

int
models_check(const struct models *all, const struct catalog *c, struct fail *f)
{
	struct list *it, *next;

	LIST_EACH (it, next, &c->specs) {
		const struct modelspec *spec =
		    LIST_ENTRY(it, struct modelspec, link);
		struct modelfile file;
		const struct model *m;
		int err;

		if (spec->source != SOURCE_OPTION)
			continue;
		m = find_ours(all, spec->name);
		if (m != NULL && is_same(m, spec))
			continue;
		err = modelfile_open(spec->path, &file, f);
		if (err != 0)
			return err;
		modelfile_close(&file);
		err = try_adapters(&spec->conf, f);
		if (err != 0)
			return err;
	}
	return 0;
}

/* What is said of it in lists may be new. */
static void
adopt(struct model *m, struct modelspec *spec)
{
	struct models *all = m->in;

	list_remove(&spec->link);
	if (!has_worker(m))
		(void)stat(spec->path, &m->file.st);
	modelspec_free(m->spec);
	m->spec = spec;
	m->name = spec->name;
	m->path = spec->path;
	m->is_fixed = spec->source == SOURCE_OPTION;
	m->is_listed = !m->is_fixed;
	m->is_pinned = spec->conf.pin || is_pinned(all->conf, spec);
	modelroom_note(m);
	m->probe.path = m->path;
	if (m->is_listed && spec->flaw[0] == '\0' &&
	    modelfile_engine(m->path) == ENGINE_LLAMA)
		probes_ask(all->probes, &m->probe, m->path);
}

/* It has no worker, so nothing is lost: it is another from now on, also for who
 * waits for it. */
static void
become(struct model *m, struct modelspec *spec)
{
	if (strcmp(m->path, spec->path) != 0) {
		modelprobe_done(m->in->probes, &m->probe);
		modelprobe_init(&m->probe);
	}
	modelfile_close(&m->file);
	modelparts_close(&m->parts);
	adapters_close(&m->adapters);
	m->file.engine = modelfile_engine(spec->path);
	m->n_ctx = spec->conf.ctx_size;
	m->fail.code = 0;
	m->about = (struct worker_ready){ 0 };
	m->identity[0] = '\0';
	m->n_threads = 0;
	m->up_ms = 0;
	m->measured = 0;
	adopt(m, spec);
}

/* Whoever has it goes on; nobody else finds it. */
static void
retire(struct model *m)
{
	m->is_retired = true;
	m->is_fixed = m->is_listed = m->is_pinned = false;
	modelroom_note(m);
	if (m->in->front == 0)
		model_leave(m, false);
	else
		model_tell(m);
}

static void
remove_one(struct model *m, struct model_changes *ch)
{
	log_info("reload: model %s: removed", m->name);
	ch->n_removed++;
	if (has_worker(m)) {
		retire(m);
		return;
	}
	(void)fail_set(&m->fail, ERR_NOT_FOUND, "model",
	    "model: no model is called \"%.200s\" any more", m->name);
	model_leave(m, false);
}

/* Those of before that stay; the others go. */
static void
keep_or_drop(
    struct models *all, const struct catalog *c, struct model_changes *ch)
{
	struct list *it, *next;

	LIST_EACH (it, next, &all->all) {
		struct model *m = LIST_ENTRY(it, struct model, link);
		struct modelspec *spec =
		    is_ours(m) ? catalog_find(c, m->name) : NULL;

		if (!is_ours(m))
			continue;
		if (spec == NULL) {
			remove_one(m, ch);
		} else if (is_same(m, spec)) {
			bool is_news = !modelspec_is_listed_same(m->spec, spec);

			adopt(m, spec);
			if (is_news)
				model_tell(m);
		} else {
			log_info("reload: model %s: changed", m->name);
			ch->n_changed++;
			if (has_worker(m)) {
				ch->n_replaced++;
				retire(m);
				continue;
			}
			become(m, spec);
			model_tell(m);
		}
	}
}

static int
add_new(struct models *all, struct modelspec *spec, struct fail *f)
{
	struct model *m;
	int err = spec->source == SOURCE_OPTION ? add_fixed(all, spec, f)
						: add_listed(all, spec, f);

	if (err != 0)
		return err;
	m = LIST_ENTRY(all->all.prev, struct model, link);
	if (m->is_fixed)
		modelroom_seat(m);
	model_tell(m);
	return 0;
}

/* As the configuration has them: the first is the default one. */
static void
sort(struct models *all)
{
	struct list *it, *next;
	uint32_t n = 0;

	LIST_EACH (it, next, &all->all)
		n++;
	for (uint32_t i = 0; i < n; i++)
		LIST_EACH (it, next, &all->all) {
			struct model *m = LIST_ENTRY(it, struct model, link);

			if (!is_ours(m) || m->spec->order != i)
				continue;
			list_remove(&m->link);
			list_append(&all->all, &m->link);
			break;
		}
}

int
models_reload(struct models *all, struct catalog *c, struct model_changes *ret,
    struct fail *f)
{
	struct list *it, *next;
	int err = 0;

	keep_or_drop(all, c, ret);
	/* What is left is new, or is what another was. */
	LIST_EACH (it, next, &c->specs) {
		struct modelspec *spec = LIST_ENTRY(it, struct modelspec, link);

		if (err != 0)
			break;
		ret->n_added++;
		err = add_new(all, spec, f);
	}
	ret->n_added -= ret->n_replaced;
	sort(all);
	return err;
}

void
models_empty(struct models *all, uint32_t id)
{
	struct model *m = models_by_id(all, id);

	if (m != NULL && m->is_retired)
		model_leave(m, false);
}
