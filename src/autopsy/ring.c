#include "autopsy/ring.h"

#include "base/fd.h"
#include "base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_BYTES 32
#define ENTRIES_MAX 100000u

struct entry {
	char name[NAME_MAX_BYTES];
	uint64_t bytes;
};

int
ring_open(struct ring *r, struct str path, struct fail *f)
{
	char *copy = str_dup(path);
	struct fail why;
	int err;

	r->dir = -1;
	if (copy == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	err = folder_open(copy, &r->dir, &why);
	free(copy);
	return err == 0 ? 0
			: fail_set(f, err, "crash-dir",
			      "--crash-dir: %s; nothing is kept", why.text);
}

void
ring_close(struct ring *r)
{
	if (r->dir >= 0)
		(void)close(r->dir);
}

/* "20261122-140233-1a2b.json", and nothing else is touched. */
static bool
is_obituary(const char *name)
{
	static const char form[] = "dddddddd-dddddd-xxxx.json";

	if (strlen(name) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i] != '\0'; i++) {
		bool is_digit = name[i] >= '0' && name[i] <= '9';

		if (form[i] == 'd' && i < 15 ? !is_digit
			: form[i] == 'x'
			? !is_digit && !(name[i] >= 'a' && name[i] <= 'f')
			: name[i] != form[i])
			return false;
	}
	return true;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(
	    ((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* Sorted, the oldest first; NULL if there are none. */
static struct entry *
list_files(const struct ring *r, size_t *ret_n)
{
	int copy = openat(r->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct entry *v = NULL;
	struct dirent *e;
	size_t n = 0;

	while (d != NULL && n < ENTRIES_MAX && (e = readdir(d)) != NULL) {
		struct entry *more;
		struct stat st;

		if (!is_obituary(e->d_name) ||
		    fstatat(r->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		more = realloc(v, (n + 1) * sizeof(*v));
		if (more == NULL)
			break;
		v = more;
		(void)snprintf(
		    v[n].name, sizeof(v[n].name), "%.31s", e->d_name);
		v[n++].bytes = (uint64_t)st.st_size;
	}
	if (d != NULL)
		(void)closedir(d);
	if (v != NULL)
		qsort(v, n, sizeof(*v), by_name);
	*ret_n = n;
	return v;
}

/* The one that is about to be written counts, with its new size. */
static void
make_room(const struct ring *r, const char *name, uint64_t bytes)
{
	size_t n;
	struct entry *v = list_files(r, &n);
	uint64_t files = 1;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(v[i].name, name) == 0)
			v[i].bytes = 0;
		else
			files++;
		bytes += v[i].bytes;
	}
	for (size_t i = 0;
	     i < n && (files > r->files_max || bytes > r->bytes_max); i++) {
		if (strcmp(v[i].name, name) == 0 ||
		    unlinkat(r->dir, v[i].name, 0) != 0)
			continue;
		files--;
		bytes -= v[i].bytes;
	}
	free(v);
}

int
ring_put(struct ring *r, const char *id, const struct buf *text, struct fail *f)
{
	char name[NAME_MAX_BYTES], temporary[NAME_MAX_BYTES + 2];
	int fd;
	bool is_good;

	(void)snprintf(name, sizeof(name), "%.24s.json", id);
	(void)snprintf(temporary, sizeof(temporary), ".%s", name);
	make_room(r, name, buf_len(text));
	(void)unlinkat(r->dir, temporary, 0);
	fd = openat(r->dir, temporary,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	is_good = fd >= 0 && fd_put(fd, buf_data(text), buf_len(text));
	if (fd >= 0 && close(fd) != 0)
		is_good = false;
	if (is_good && renameat(r->dir, temporary, r->dir, name) == 0)
		return 0;
	(void)fail_set(f, ERR_FILE, "crash-dir", "cannot write %s: %s", name,
	    strerror(errno));
	(void)unlinkat(r->dir, temporary, 0);
	return ERR_FILE;
}
