#include "keeper/reload.h"

#include "base/log.h"
#include "keeper/front.h"
#include "keeper/models.h"
#include "keeper/modelsync.h"

#define OTHERS_MAX 4096u

/* What has changed and is not taken. */
static void
warn(const struct buf *others)
{
	struct str s = buf_str(others);

	if (s.n > 0)
		log_warn("reload: changed, but a restart has to take it: %.*s",
		    (int)s.n, s.p);
}

static int
take(struct conf *conf, struct conf *fresh, struct catalog *catalog,
    struct models *models, struct model_changes *ret, struct fail *f)
{
	struct buf others;
	int err = models_check(models, catalog, f);

	if (err != 0)
		return err;
	buf_init(&others, OTHERS_MAX);
	conf_take(conf, fresh, &others);
	warn(&others);
	buf_done(&others);
	return models_reload(models, catalog, ret, f);
}

/* 0, and all is as the configuration says now; else it is as it was. */
static int
run(const struct reload *r, struct model_changes *ret, struct fail *f)
{
	struct catalog catalog;
	struct conf fresh;
	int err = conf_read(&fresh, r->argc, r->argv, r->envp, f);

	if (err == 0) {
		err = catalog_read(&fresh, r->demo, &catalog, f);
		if (err == 0)
			err =
			    take(r->conf, &fresh, &catalog, r->models, ret, f);
		catalog_done(&catalog);
	}
	conf_done(&fresh);
	return err;
}

void
reload_now(const struct reload *r, const struct reload_want *w)
{
	struct model_changes ch = { 0 };
	struct fail why = { .text = "" };
	struct reloaded told = { .err = run(r, &ch, &why) };

	if (told.err != 0) {
		log_error("reload: %s; all stays as it was", why.text);
	} else {
		log_init("bulkhead", (enum log_level)r->conf->log_level);
		front_configure(r->front, models_default(r->models));
		log_info("reload: models added: %u, changed: %u, removed: %u",
		    ch.n_added, ch.n_changed, ch.n_removed);
	}
	/* The front tells those who listen, whoever has asked. */
	told.ref = w != NULL ? w->ref : 0;
	told.text = str_of(why.text);
	told.n_added = ch.n_added;
	told.n_changed = ch.n_changed;
	told.n_removed = ch.n_removed;
	front_tell_reloaded(r->front, &told);
}
