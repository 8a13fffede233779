#include "keeper/modeldir.h"

#include "base/log.h"
#include "keeper/modelfile.h"
#include "keeper/partname.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX 4096u /* of one folder */

/* Models that others are made faster with: llama-server's names. */
static const char *const drafts[] = { "mtp-", "dspark-", "dflash-" };

struct names {
	char **v; /* without the folder */
	size_t n;
};

struct reading {
	const char *dir; /* of --models-dir */
	const char *sub; /* name of a folder in it, or NULL */
	struct names files;
	struct names folders;
	struct dirmodels *to;
	size_t first; /* of to: those of this folder */
	char *mmproj; /* its path, or NULL */
	struct fail *f;
};

static int
refuse(const char *dir, int error, struct fail *f)
{
	const char *why = strerror(error);

	if (error == ENOENT)
		why = "no such folder; check the path";
	else if (error == ENOTDIR)
		why = "is not a folder; a single file is given with --model";
	else if (error == EACCES)
		why = "not readable by this user; see ls -ld of it";
	return fail_set(
	    f, ERR_FILE, "models-dir", "--models-dir: %.240s: %s", dir, why);
}

static int
no_memory(struct fail *f)
{
	return fail_set(f, ERR_NOMEM, "", "out of memory");
}

/* "dir/sub/name"; NULL. */
static char *
join(const struct reading *r, const char *name)
{
	bool has_slash = r->dir[strlen(r->dir) - 1] == '/';
	char *path;

	if (asprintf(&path, "%s%s%s%s%s", r->dir, has_slash ? "" : "/",
		r->sub != NULL ? r->sub : "", r->sub != NULL ? "/" : "",
		name) < 0)
		return NULL;
	return path;
}

static int
add_name(struct names *all, const char *name)
{
	char **v = realloc(all->v, (all->n + 1) * sizeof(*v));

	if (v == NULL)
		return ERR_NOMEM;
	all->v = v;
	v[all->n] = strdup(name);
	return v[all->n++] != NULL ? 0 : ERR_NOMEM;
}

static void
free_names(struct names *all)
{
	for (size_t i = 0; i < all->n; i++)
		free(all->v[i]);
	free(all->v);
	*all = (struct names){ NULL, 0 };
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
add_entry(struct reading *r, DIR *d, const char *name)
{
	struct stat st;
	bool is_folder;

	if (name[0] == '.')
		return 0;
	/* What it is otherwise is said when it is opened. */
	is_folder = fstatat(dirfd(d), name, &st, 0) == 0 && S_ISDIR(st.st_mode);
	if (is_folder)
		return r->sub == NULL ? add_name(&r->folders, name) : 0;
	return modelfile_stem(name) > 0 ? add_name(&r->files, name) : 0;
}

static int
read_names(struct reading *r, DIR *d)
{
	const struct dirent *e;
	int err = 0;

	while (errno = 0, err == 0 && (e = readdir(d)) != NULL) {
		if (r->files.n + r->folders.n >= FILES_MAX)
			return fail_set(r->f, ERR_FILE, "models-dir",
			    "--models-dir: %.240s: more than %u models", r->dir,
			    FILES_MAX);
		err = add_entry(r, d, e->d_name);
	}
	if (err != 0)
		return no_memory(r->f);
	if (errno != 0)
		return refuse(r->dir, errno, r->f);
	if (r->files.n > 0)
		qsort(r->files.v, r->files.n, sizeof(*r->files.v), compare);
	if (r->folders.n > 0)
		qsort(
		    r->folders.v, r->folders.n, sizeof(*r->folders.v), compare);
	return 0;
}

static bool
is_companion(struct reading *r, const char *name)
{
	if (strstr(name, "mmproj") != NULL) {
		if (r->mmproj == NULL && r->sub != NULL)
			r->mmproj = join(r, name);
		return true;
	}
	for (size_t i = 0; i < sizeof(drafts) / sizeof(drafts[0]); i++)
		if (strncmp(name, drafts[i], strlen(drafts[i])) == 0)
			return true;
	return false;
}

/* name: of n bytes. Takes path over. */
static int
add_model(struct reading *r, const char *name, size_t n, char *path)
{
	struct dirmodels *to = r->to;
	struct dirmodel *v = realloc(to->v, (to->n + 1) * sizeof(*v));

	if (v == NULL || path == NULL) {
		free(path);
		to->v = v != NULL ? v : to->v;
		return no_memory(r->f);
	}
	to->v = v;
	v[to->n] = (struct dirmodel){
		.name = strndup(name, n), .path = path, .n_parts = 1
	};
	return v[to->n++].name != NULL ? 0 : no_memory(r->f);
}

static struct dirmodel *
find_parts(const struct reading *r, const char *name, const struct partname *p)
{
	for (size_t i = r->to->n; i-- > r->first;) {
		struct dirmodel *m = &r->to->v[i];

		if (m->n_parts == p->of &&
		    strncmp(m->name, name, p->n_stem) == 0 &&
		    m->name[p->n_stem] == '\0')
			return m;
	}
	return NULL;
}

/* They come in order: the numbers of one model are seen going up. */
static int
add_part(struct reading *r, const char *name, const struct partname *p)
{
	struct dirmodel *m = find_parts(r, name, p);
	char first[512];
	int err;

	if (m == NULL) {
		if (!partname_other(name, p, 1, first, sizeof(first)))
			return 0;
		err = add_model(r, name, p->n_stem, join(r, first));
		if (err != 0)
			return err;
		m = &r->to->v[r->to->n - 1];
		m->n_parts = p->of;
		m->missing = 1; /* until it is seen: the one that comes next */
	}
	if (m->missing == p->no)
		m->missing = p->no == p->of ? 0 : p->no + 1;
	return 0;
}

static int
add_files(struct reading *r)
{
	struct partname p;
	int err = 0;

	for (size_t i = 0; err == 0 && i < r->files.n; i++) {
		const char *name = r->files.v[i];

		if (is_companion(r, name))
			continue;
		if (partname_read(name, &p))
			err = add_part(r, name, &p);
		else
			err = add_model(
			    r, name, modelfile_stem(name), join(r, name));
	}
	return err;
}

/* One model is called as its folder; of several each as folder/name. */
static int
name_after_folder(struct reading *r)
{
	bool is_alone = r->to->n == r->first + 1;

	for (size_t i = r->first; i < r->to->n; i++) {
		struct dirmodel *m = &r->to->v[i];
		char *name;

		if (asprintf(&name, "%s%s%s", r->sub, is_alone ? "" : "/",
			is_alone ? "" : m->name) < 0)
			return no_memory(r->f);
		free(m->name);
		m->name = name;
		if (r->mmproj == NULL)
			continue;
		m->mmproj = strdup(r->mmproj);
		if (m->mmproj == NULL)
			return no_memory(r->f);
	}
	return 0;
}

static int
read_folder(const char *dir, const char *sub, struct dirmodels *to,
    struct names *ret_folders, struct fail *f)
{
	struct reading r = {
		.dir = dir, .sub = sub, .to = to, .first = to->n, .f = f
	};
	char *path = join(&r, "");
	DIR *d = path != NULL ? opendir(path) : NULL;
	int err;

	if (path == NULL)
		err = no_memory(f);
	else if (d == NULL)
		err = refuse(sub != NULL ? path : dir, errno, f);
	else
		err = read_names(&r, d);
	if (err == 0)
		err = add_files(&r);
	if (err == 0 && sub != NULL)
		err = name_after_folder(&r);
	if (d != NULL)
		(void)closedir(d);
	free(path);
	free(r.mmproj);
	free_names(&r.files);
	*ret_folders = r.folders;
	return err;
}

static int
by_name(const void *a, const void *b)
{
	const struct dirmodel *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int
modeldir_read(const char *dir, struct dirmodels *ret, struct fail *f)
{
	struct names folders;
	struct names none;
	struct fail why;
	int err;

	*ret = (struct dirmodels){ NULL, 0 };
	err = read_folder(dir, NULL, ret, &folders, f);
	for (size_t i = 0; err == 0 && i < folders.n; i++) {
		err = read_folder(dir, folders.v[i], ret, &none, &why);
		free_names(&none);
		if (err == ERR_FILE) {
			log_warn("%s", why.text);
			err = 0;
		} else if (err != 0 && f != NULL) {
			*f = why;
		}
	}
	free_names(&folders);
	if (err == 0 && ret->n > 0)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	return err;
}

void
modeldir_free(struct dirmodels *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->v[i].name);
		free(all->v[i].path);
		free(all->v[i].mmproj);
	}
	free(all->v);
	*all = (struct dirmodels){ NULL, 0 };
}
