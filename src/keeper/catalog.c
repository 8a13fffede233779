#include "keeper/catalog.h"

#include "base/hash.h"
#include "base/log.h"
#include "keeper/modeldir.h"
#include "keeper/modelfile.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct reading {
	const struct conf *conf;
	struct preset *preset; /* NULL: none */
	struct catalog *to;
	struct fail *f;
};

struct named {
	uint64_t hash;
	struct modelspec *spec;
};

static uint64_t
hash_of(const char *name)
{
	return hash_more(HASH_START, name, strlen(name));
}

struct modelspec *
catalog_find(const struct catalog *c, const char *name)
{
	uint64_t hash = hash_of(name);

	for (size_t i = 0; i < c->n_names; i++) {
		const struct named *one = &c->names[i];

		if (one->hash == hash && !list_empty(&one->spec->link) &&
		    strcmp(one->spec->name, name) == 0)
			return one->spec;
	}
	return NULL;
}

/* Takes s over, also when it fails. */
static int
index_one(struct catalog *c, struct modelspec *s)
{
	struct named *names =
	    realloc(c->names, (c->n_names + 1) * sizeof(*names));

	if (names == NULL) {
		modelspec_free(s);
		return ERR_NOMEM;
	}
	c->names = names;
	names[c->n_names++] = (struct named){ hash_of(s->name), s };
	list_append(&c->specs, &s->link);
	return 0;
}

static bool
is_same_file(const char *path, const struct stat *st)
{
	struct stat other;

	return stat(path, &other) == 0 && other.st_dev == st->st_dev &&
	    other.st_ino == st->st_ino;
}

/* Whether a --model is that file, under whatever name. */
static bool
is_option_too(const struct catalog *c, const char *path)
{
	struct list *it, *next;
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	LIST_EACH (it, next, &c->specs) {
		struct modelspec *s = LIST_ENTRY(it, struct modelspec, link);

		if (s->source == SOURCE_OPTION && is_same_file(s->path, &st))
			return true;
	}
	return false;
}

static int
add(struct reading *r, enum model_source source, const char *path,
    const char *name, const char *aliases, struct modelspec **ret)
{
	struct modelspec *s = NULL;
	int err;

	if (r->to->n == CATALOG_MAX)
		return fail_set(r->f, ERR_INVALID, "models-dir",
		    "more than %u models", CATALOG_MAX);
	err = modelspec_new(
	    r->conf, r->preset, source, path, name, aliases, &s, r->f);
	if (err != 0)
		return err;
	assert(s != NULL);
	s->order = (uint32_t)r->to->n;
	if (index_one(r->to, s) != 0)
		return fail_set(r->f, ERR_NOMEM, "", "out of memory");
	r->to->n++;
	if (ret != NULL)
		*ret = s;
	return 0;
}

/* "name", or "name:2" and so on where that is taken. */
static void
unique_name(const struct catalog *c, const char *wish, char ret[MODEL_NAME_MAX])
{
	(void)snprintf(ret, MODEL_NAME_MAX, "%.128s", wish);
	for (unsigned i = 2; catalog_find(c, ret) != NULL; i++)
		(void)snprintf(ret, MODEL_NAME_MAX, "%.128s:%u", wish, i);
}

/* The n-th --alias names the n-th --model: its first word; the others are
 * further names. */
static int
add_option(
    struct reading *r, const char *path, const char *aliases, const char *tags)
{
	struct modelspec *s = NULL;
	int err;
	char base[MODEL_NAME_MAX];
	char name[MODEL_NAME_MAX];
	const char *first;
	size_t n;

	modelfile_name(path, base, sizeof(base));
	if (modelconf_word(aliases, 0, &first, &n))
		(void)snprintf(base, sizeof(base), "%.*s",
		    (int)(n < 128 ? n : 128), first);
	unique_name(r->to, base, name);
	err = add(r, SOURCE_OPTION, path, name, aliases, &s);
	return err != 0 ? err : modelspec_tag(s, tags, r->f);
}

static int
read_options(struct reading *r, const char *demo)
{
	const struct conf *c = r->conf;
	int err = 0;

	for (size_t i = 0; err == 0 && i < c->model.n; i++)
		err = add_option(r, c->model.v[i],
		    i < c->alias.n ? c->alias.v[i] : NULL,
		    i < c->tags.n ? c->tags.v[i] : NULL);
	if (err != 0 || c->model.n > 0 || c->models_dir != NULL ||
	    c->models_preset != NULL)
		return err;
	if (demo[0] == '\0') {
		log_warn("no --model, and no demo model is installed: serving "
			 "only what clients name");
		return 0;
	}
	log_info("no --model: serving the demo model");
	return add_option(r, demo, NULL, NULL);
}

static int
add_listed(struct reading *r, const struct dirmodel *m)
{
	char name[MODEL_NAME_MAX];
	struct modelspec *s = NULL;
	int err;

	if (is_option_too(r->to, m->path))
		return 0;
	unique_name(r->to, m->name, name);
	err = add(r, SOURCE_FOLDER, m->path, name, NULL, &s);
	if (err != 0)
		return err;
	assert(s != NULL);
	if (m->mmproj != NULL && s->mmproj == NULL) {
		s->mmproj = strdup(m->mmproj);
		if (s->mmproj == NULL)
			return fail_set(r->f, ERR_NOMEM, "", "out of memory");
	}
	if (m->missing != 0)
		(void)snprintf(s->flaw, sizeof(s->flaw),
		    "part %u of %u is missing", m->missing, m->n_parts);
	return err;
}

static int
read_folder(struct reading *r)
{
	const char *dir = r->conf->models_dir;
	struct dirmodels all;
	size_t n;
	int err;

	if (dir == NULL)
		return 0;
	err = modeldir_read(dir, &all, r->f);
	for (size_t i = 0; err == 0 && i < all.n; i++)
		err = add_listed(r, &all.v[i]);
	n = all.n;
	modeldir_free(&all);
	if (err != 0)
		return err;
	if (n == 0)
		log_warn(
		    "--models-dir: %s: holds no .gguf or .rkllm file", dir);
	else
		log_info(
		    "--models-dir: %s: %zu model%s", dir, n, n == 1 ? "" : "s");
	return 0;
}

/* One that is there already has its settings from its section. */
static int
read_section(struct reading *r, size_t i, const char *name)
{
	struct modelspec *s = catalog_find(r->to, name);
	char where[256];
	int err;

	(void)preset_where(r->preset, i, where, sizeof(where));
	if (s != NULL && s->conf.model != NULL &&
	    strcmp(s->conf.model, s->path) != 0)
		return fail_set(r->f, ERR_INVALID, "models-preset",
		    "%s: model: %.200s is called \"%.64s\" already; give the "
		    "section another name",
		    where, s->path, name);
	if (s != NULL)
		return 0;
	err = add(r, SOURCE_SECTION, "", name, NULL, &s);
	if (err != 0)
		return err;
	assert(s != NULL);
	if (s->conf.model == NULL) {
		log_warn("%s: \"%s\" has no model =, and none is called so; "
			 "the section is passed over",
		    where, name);
		modelspec_free(s);
		r->to->n--;
		r->to->n_names--;
		return 0;
	}
	free(s->path);
	s->path = strdup(s->conf.model);
	return s->path != NULL ? 0
			       : fail_set(r->f, ERR_NOMEM, "", "out of memory");
}

static int
read_sections(struct reading *r)
{
	const char *name;
	int err = 0;

	for (size_t i = 0;
	     err == 0 && (name = preset_section(r->preset, i)) != NULL; i++)
		err = read_section(r, i, name);
	return err;
}

/* What answers to the name before s does, or NULL. */
static const struct modelspec *
taken_by(const struct catalog *c, const struct modelspec *s, struct str name)
{
	struct list *it, *next;
	char *copy = str_dup(name);
	const struct modelspec *found = NULL;

	LIST_EACH (it, next, &c->specs) {
		const struct modelspec *one =
		    LIST_ENTRY(it, struct modelspec, link);

		if (copy != NULL && one != s && found == NULL &&
		    modelspec_answers(one, copy))
			found = one;
	}
	free(copy);
	return found;
}

/* Names are told apart when they are made; further names are the user's own. */
static int
check_names(const struct reading *r)
{
	struct list *it, *next;

	LIST_EACH (it, next, &r->to->specs) {
		const struct modelspec *s =
		    LIST_ENTRY(it, struct modelspec, link);
		struct cursor c =
		    cursor_of(buf_data(&s->aliases), buf_len(&s->aliases));
		const struct modelspec *other;
		struct str alias;

		while (strs_next(&c, &alias)) {
			other = taken_by(r->to, s, alias);
			if (other != NULL)
				return fail_set(r->f, ERR_INVALID, "alias",
				    "alias: \"%.*s\" of model %.100s is what "
				    "model %.100s is called; give it another",
				    (int)(alias.n < 100 ? alias.n : 100),
				    alias.p, s->name, other->name);
		}
	}
	return 0;
}

/* Those that are loaded at start must have room together. */
static int
check_room(const struct reading *r)
{
	uint32_t max = r->conf->models_max;
	struct list *it, *next;
	uint32_t n = 0;

	LIST_EACH (it, next, &r->to->specs) {
		const struct modelspec *s =
		    LIST_ENTRY(it, struct modelspec, link);

		n += s->source == SOURCE_OPTION || s->conf.load_on_startup;
	}
	if (max == 0 || n <= max)
		return 0;
	return fail_set(r->f, ERR_INVALID, "models-max",
	    "%u models are to be loaded at start (--model, load-on-startup); "
	    "--models-max allows %u",
	    n, max);
}

int
catalog_read(
    const struct conf *c, const char *demo, struct catalog *ret, struct fail *f)
{
	struct reading r = { .conf = c, .to = ret, .f = f };
	int err = 0;

	*ret = (struct catalog){ .n = 0 };
	list_init(&ret->specs);
	if (c->models_preset != NULL)
		err = preset_read_file(c->models_preset, &r.preset, f);
	if (err == 0)
		err = read_options(&r, demo);
	if (err == 0)
		err = read_folder(&r);
	if (err == 0)
		err = read_sections(&r);
	if (err == 0)
		err = check_names(&r);
	if (err == 0)
		err = check_room(&r);
	preset_free(r.preset);
	return err;
}

void
catalog_done(struct catalog *c)
{
	while (!list_empty(&c->specs))
		modelspec_free(
		    LIST_ENTRY(c->specs.next, struct modelspec, link));
	free(c->names);
	c->names = NULL;
	c->n = c->n_names = 0;
}
