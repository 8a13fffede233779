#include "keeper/modeldir.h"

#include "keeper/modelfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX 4096u

struct names {
	char **v;
	size_t n;
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

static bool
is_model(DIR *d, const char *name)
{
	struct stat st;

	if (name[0] == '.' || modelfile_stem(name) == 0)
		return false;
	/* What it is otherwise is said when it is opened. */
	return fstatat(dirfd(d), name, &st, 0) != 0 || !S_ISDIR(st.st_mode);
}

static int
add(struct names *all, const char *dir, const char *name)
{
	bool has_slash = dir[strlen(dir) - 1] == '/';
	char **v = realloc(all->v, (all->n + 1) * sizeof(*v));

	if (v == NULL)
		return ERR_NOMEM;
	all->v = v;
	if (asprintf(&v[all->n], "%s%s%s", dir, has_slash ? "" : "/", name) < 0)
		return ERR_NOMEM;
	all->n++;
	return 0;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* 0, ERR_NOMEM or ERR_FILE. */
static int
read_names(DIR *d, const char *dir, struct names *all, struct fail *f)
{
	const struct dirent *e;
	int err = 0;

	while (errno = 0, err == 0 && (e = readdir(d)) != NULL) {
		if (!is_model(d, e->d_name))
			continue;
		if (all->n == FILES_MAX)
			return fail_set(f, ERR_FILE, "models-dir",
			    "--models-dir: %.240s: more than %u models", dir,
			    FILES_MAX);
		err = add(all, dir, e->d_name);
	}
	if (err != 0)
		return fail_set(f, err, "", "out of memory");
	return errno != 0 ? refuse(dir, errno, f) : 0;
}

int
modeldir_read(const char *dir, char ***ret, size_t *ret_n, struct fail *f)
{
	struct names all = { NULL, 0 };
	DIR *d = opendir(dir);
	int err;

	if (d == NULL)
		return refuse(dir, errno, f);
	err = read_names(d, dir, &all, f);
	(void)closedir(d);
	if (err != 0) {
		modeldir_free(all.v, all.n);
		return err;
	}
	if (all.n > 0)
		qsort(all.v, all.n, sizeof(*all.v), compare);
	*ret = all.v;
	*ret_n = all.n;
	return 0;
}

void
modeldir_free(char **paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
}
