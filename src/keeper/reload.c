#include "keeper/reload.h"

#include "base/clock.h"
#include "base/log.h"
#include "keeper/entry.h"
#include "keeper/front.h"
#include "keeper/models.h"
#include "keeper/modelsync.h"

#include <stdlib.h>

#define OTHERS_MAX 4096u
#define REFS_MAX 64u	   /* the front asks no more often at once */
#define REST_LEAST_MS 100u /* between two, and ... */
#define REST_SHARE 4u	   /* ... so many times what the last one took */

struct reload {
	struct reload_spec spec;
	struct timer *timer;
	uint32_t refs[REFS_MAX]; /* who waits for an answer */
	uint32_t n_refs;
	uint64_t next_ms; /* not before */
};

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
run(const struct reload_spec *r, struct model_changes *ret, struct fail *f)
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

static void
say(const struct reload_spec *spec, const struct reloaded *told)
{
	if (told->err != 0) {
		log_error("reload: %.*s; all stays as it was",
		    (int)told->text.n, told->text.p);
		return;
	}
	log_init("bulkhead", (enum log_level)spec->conf->log_level);
	front_configure(spec->front, models_default(spec->models));
	log_info("reload: models added: %u, changed: %u, removed: %u",
	    told->n_added, told->n_changed, told->n_removed);
}

/* One answer for each; or one that is nobody's, for the front to know. */
static void
tell(struct reload *r, struct reloaded *told)
{
	uint32_t n = r->n_refs;

	r->n_refs = 0;
	if (n == 0)
		front_tell_reloaded(r->spec.front, told);
	for (uint32_t i = 0; i < n; i++) {
		told->ref = r->refs[i];
		front_tell_reloaded(r->spec.front, told);
	}
}

static void
on_timer(void *arg)
{
	struct reload *r = arg;
	struct model_changes ch = { 0 };
	struct fail why = { .text = "" };
	uint64_t start = clock_ms(), took;
	struct reloaded told = { .err = run(&r->spec, &ch, &why) };

	told.text = str_of(why.text);
	told.n_added = ch.n_added;
	told.n_changed = ch.n_changed;
	told.n_removed = ch.n_removed;
	say(&r->spec, &told);
	entry_reread(r->spec.entry);
	front_tell_entry(r->spec.front);
	tell(r, &told);
	took = clock_ms() - start;
	r->next_ms = start + took +
	    (took * REST_SHARE > REST_LEAST_MS ? took * REST_SHARE
					       : REST_LEAST_MS);
}

struct reload *
reload_new(struct loop *l, const struct reload_spec *spec)
{
	struct reload *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->spec = *spec;
	r->timer = timer_new(l, on_timer, r);
	if (r->timer == NULL) {
		free(r);
		return NULL;
	}
	return r;
}

void
reload_free(struct reload *r)
{
	if (r == NULL)
		return;
	timer_free(r->timer);
	free(r);
}

void
reload_ask(struct reload *r, const struct reload_want *w)
{
	uint64_t now = clock_ms();

	if (r == NULL)
		return;
	if (w != NULL && r->n_refs == REFS_MAX) {
		struct reloaded told = { .ref = w->ref,
			.err = ERR_BUSY,
			.text = STR("too many wait for a reload") };

		front_tell_reloaded(r->spec.front, &told);
		return;
	}
	if (w != NULL)
		r->refs[r->n_refs++] = w->ref;
	timer_set(r->timer, r->next_ms > now ? r->next_ms - now : 0);
}

void
reload_forget_front(struct reload *r)
{
	if (r != NULL)
		r->n_refs = 0;
}
