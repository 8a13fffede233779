#include "keeper/modelsync.h"

#include "keeper/model.h"

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
