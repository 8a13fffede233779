#include "keeper/cachedir.h"

#include "base/folder.h"
#include "base/log.h"
#include "conf/userdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TEMP ".saving-"
#define TURN_BYTES (4u << 20) /* written between two looks at all else */
#define DEPTH_MAX 8u	      /* of folders whose files are counted */
#define ENTRIES_MAX 8192u

struct cachedir {
	struct loop *loop;
	char path[PATH_MAX];
	bool is_off; /* there is none */
	uint64_t max;
	uint32_t n_saves; /* so far, for names */
	uint64_t owed;	  /* bytes of saves under way, not in a file yet */
};

struct cachesave {
	struct cachedir *dir;
	struct timer *timer;
	int root;   /* the folder */
	int parent; /* where it is to be */
	int file;
	char temp[64]; /* its name until then, in root; "": it has another */
	char name[NAME_MAX + 1];
	int memory;
	uint64_t size;
	uint64_t done;
	struct fail why; /* it may not be written at all */
	cachesave_fn fn;
	void *arg;
};

struct cachedir *
cachedir_new(struct loop *l, const char *wish, char *const envp[], uint64_t max)
{
	struct cachedir *d = calloc(1, sizeof(*d));
	size_t n;

	if (d == NULL)
		return NULL;
	d->loop = l;
	d->max = max;
	d->is_off = !userdir_prompt_caches(wish, envp, d->path);
	n = d->is_off ? 0 : strlen(d->path);
	while (n > 1 && d->path[n - 1] == '/')
		d->path[--n] = '\0';
	return d;
}

void
cachedir_free(struct cachedir *d)
{
	free(d);
}

static int
refuse(const struct cachedir *d, int error, struct fail *f)
{
	if (error == EXDEV)
		return fail_set(f, ERR_FILE, "",
		    "leads out of the folder of prompt caches, %.200s; see "
		    "--prompt-cache-dir",
		    d->path);
	if (error == ELOOP)
		return fail_set(f, ERR_FILE, "",
		    "leads through a symbolic link, which is not followed; see "
		    "--prompt-cache-dir");
	if (error == ENOENT)
		return fail_set(f, ERR_FILE, "",
		    "no such file in the folder of prompt caches, %.200s; see "
		    "--prompt-cache-dir",
		    d->path);
	return fail_set(
	    f, ERR_FILE, "", "%s (in %.200s)", strerror(error), d->path);
}

/* What of path is behind the folder's, or NULL. */
static const char *
below(const struct cachedir *d, const char *path)
{
	size_t n = strlen(d->path);

	if (path[0] != '/')
		return path;
	if (strncmp(path, d->path, n) != 0 || path[n] != '/')
		return NULL;
	return path + n + strspn(path + n, "/");
}

/* The folder, and path as from there. */
static int
enter(const struct cachedir *d, const char *path, int *ret_root,
    const char **ret_path, struct fail *f)
{
	const char *rest;

	if (d->is_off)
		return fail_set(f, ERR_FILE, "",
		    "this server keeps no prompt caches; --prompt-cache-dir "
		    "says where");
	rest = below(d, path);
	if (rest == NULL)
		return refuse(d, EXDEV, f);
	if (rest[0] == '\0')
		return fail_set(f, ERR_FILE, "", "names no file");
	*ret_path = rest;
	return folder_open(d->path, ret_root, f);
}

static int
open_beneath(int root, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		    RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static int
check_kind(const struct stat *st, struct fail *f)
{
	if (S_ISDIR(st->st_mode))
		return fail_set(f, ERR_FILE, "", "is a directory");
	if (!S_ISREG(st->st_mode))
		return fail_set(f, ERR_FILE, "", "is not a regular file");
	if (st->st_size == 0)
		return fail_set(f, ERR_FILE, "", "is empty; save it again");
	return 0;
}

int
cachedir_open(
    struct cachedir *d, const char *path, struct modelfile *ret, struct fail *f)
{
	struct modelfile m = { .fd = -1 };
	int root = -1, err = enter(d, path, &root, &path, f);

	if (err != 0)
		return err;
	m.fd = open_beneath(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (m.fd < 0 || fstat(m.fd, &m.st) != 0)
		err = refuse(d, errno, f);
	else
		err = check_kind(&m.st, f);
	(void)close(root);
	if (err != 0) {
		modelfile_close(&m);
		return err;
	}
	m.now = m.st;
	*ret = m;
	return 0;
}

/* One that nobody has locked belongs to nobody who lives. */
static void
remove_leftover(int dir, const char *name)
{
	int fd =
	    openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)unlinkat(dir, name, 0);
	if (fd >= 0)
		(void)close(fd);
}

struct sum {
	uint64_t bytes;
	unsigned entries;
};

static void add_folder(
    int parent, const char *name, unsigned depth, struct sum *sum);

static void
add_entry(int dir, const char *name, unsigned depth, struct sum *sum)
{
	struct stat st;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return;
	if (depth == 0 && strncmp(name, TEMP, strlen(TEMP)) == 0)
		remove_leftover(dir, name);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	sum->entries++;
	if (S_ISREG(st.st_mode))
		sum->bytes += (uint64_t)st.st_size;
	else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
		add_folder(dir, name, depth + 1, sum);
}

static void
add_folder(int parent, const char *name, unsigned depth, struct sum *sum)
{
	int fd = openat(
	    parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while (sum->entries < ENTRIES_MAX && (e = readdir(dir)) != NULL)
		add_entry(dirfd(dir), e->d_name, depth, sum);
	(void)closedir(dir);
}

/* Past RLIMIT_FSIZE a signal would end us. */
static uint64_t
file_limit(void)
{
	struct rlimit r;

	return getrlimit(RLIMIT_FSIZE, &r) != 0 || r.rlim_cur == RLIM_INFINITY
	    ? UINT64_MAX
	    : r.rlim_cur;
}

static int
cap(uint64_t *left, struct fail *f)
{
	uint64_t most = file_limit();

	if (most == 0)
		return fail_set(f, ERR_FILE, "",
		    "no file may be written here: the limit on their size is "
		    "0 (ulimit -f)");
	if (*left > most)
		*left = most;
	return 0;
}

/* How many bytes more may be written; and what is left of others goes. */
static int
find_room(
    const struct cachedir *d, int root, uint64_t *ret_left, struct fail *f)
{
	struct sum sum = { 0 };

	add_folder(root, ".", 0, &sum);
	if (sum.entries >= ENTRIES_MAX)
		return fail_set(f, ERR_FILE, "",
		    "there are over %u files in %.200s; remove some",
		    ENTRIES_MAX, d->path);
	if (sum.bytes + d->owed >= d->max)
		return fail_set(f, ERR_FILE, "",
		    "the prompt caches in %.200s have reached "
		    "--prompt-cache-max; remove some",
		    d->path);
	*ret_left = d->max - sum.bytes - d->owed;
	return cap(ret_left, f);
}

/* It would do harm where it is listed. */
static bool
has_control(const char *path)
{
	for (; *path != '\0'; path++)
		if ((unsigned char)*path < ' ' || *path == 0x7f)
			return true;
	return false;
}

static int
check_name(const char *name, struct fail *f)
{
	if (name[0] == '\0' || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return fail_set(f, ERR_FILE, "", "names no file");
	if (strlen(name) > NAME_MAX || strncmp(name, TEMP, strlen(TEMP)) == 0)
		return fail_set(f, ERR_FILE, "",
		    "no file can be called that, or is by Bulkhead itself");
	if (has_control(name))
		return fail_set(
		    f, ERR_FILE, "", "a name may hold no control characters");
	return 0;
}

/* "a/b" to the folder a, and b. */
static int
split(struct cachesave *s, const char *path, struct fail *f)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	char parent[PATH_MAX] = ".";
	struct stat st;
	int err = check_name(name, f);

	if (err != 0)
		return err;
	if (slash != NULL)
		(void)snprintf(
		    parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	s->parent = open_beneath(s->root, parent, O_PATH | O_DIRECTORY);
	if (s->parent < 0)
		return refuse(s->dir, errno, f);
	if (fstatat(s->parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode))
		return fail_set(f, ERR_FILE, "", "is a directory");
	return 0;
}

static int
make_temp(struct cachesave *s, struct fail *f)
{
	(void)snprintf(s->temp, sizeof(s->temp), TEMP "%d-%u", (int)getpid(),
	    ++s->dir->n_saves);
	s->file = openat(s->root, s->temp,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->file >= 0) {
		(void)flock(s->file, LOCK_EX | LOCK_NB);
		return 0;
	}
	s->temp[0] = '\0';
	return refuse(s->dir, errno, f);
}

/* The worker has the descriptor too: it must not be able to cut it. */
static int
make_memory(uint64_t size, int *ret, struct fail *f)
{
	int fd = memfd_create(
	    "bulkhead-prompt-cache", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) ==
		0) {
		*ret = fd;
		return 0;
	}
	if (fd >= 0)
		(void)close(fd);
	return fail_set(f, ERR_NOMEM, "", "out of memory");
}

static void on_turn(void *arg);

static int
prepare(struct cachesave *s, const char *path, int *ret_memory, struct fail *f)
{
	uint64_t left = 0;
	int err = enter(s->dir, path, &s->root, &path, f);

	if (err == 0)
		err = split(s, path, f);
	if (err == 0)
		err = find_room(s->dir, s->root, &left, f);
	if (err == 0)
		err = make_temp(s, f);
	if (err == 0)
		s->timer = timer_new(s->dir->loop, on_turn, s);
	if (err == 0 && s->timer == NULL)
		err = fail_set(f, ERR_NOMEM, "", "out of memory");
	return err != 0 ? err : make_memory(left, ret_memory, f);
}

int
cachesave_new(struct cachedir *d, const char *path, struct cachesave **ret,
    int *ret_memory, struct fail *f)
{
	struct cachesave *s = calloc(1, sizeof(*s));
	int err;

	if (s == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	*s = (struct cachesave){
		.dir = d, .root = -1, .parent = -1, .file = -1
	};
	err = prepare(s, path, ret_memory, f);
	if (err != 0) {
		cachesave_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

void
cachesave_free(struct cachesave *s)
{
	if (s == NULL)
		return;
	s->dir->owed -= s->size - s->done;
	if (s->temp[0] != '\0')
		(void)unlinkat(s->root, s->temp, 0);
	if (s->file >= 0)
		(void)close(s->file);
	if (s->parent >= 0)
		(void)close(s->parent);
	if (s->root >= 0)
		(void)close(s->root);
	timer_free(s->timer);
	free(s);
}

static void
finish(struct cachesave *s, int error)
{
	struct fail why = { .code = 0 };

	if (error != 0)
		(void)fail_set(&why, ERR_FILE, "", "cannot be written: %s",
		    strerror(error));
	else
		s->temp[0] = '\0';
	s->fn(s->arg, &why);
}

/* Nothing is waited for but the page cache; what a power failure leaves of it
 * has no good checksum. */
static void
on_turn(void *arg)
{
	struct cachesave *s = arg;
	uint64_t left = s->size - s->done;
	off_t at = (off_t)s->done;
	ssize_t n = 0;

	if (s->why.code != 0) {
		s->fn(s->arg, &s->why);
		return;
	}
	if (s->size > file_limit()) {
		finish(s, EFBIG);
		return;
	}
	if (left > 0)
		n = sendfile(s->file, s->memory, &at,
		    left < TURN_BYTES ? (size_t)left : TURN_BYTES);
	if (n < 0 && errno != EINTR && errno != EAGAIN) {
		finish(s, errno);
		return;
	}
	if (n == 0 && left > 0) {
		finish(s, EIO);
		return;
	}
	s->done += n > 0 ? (uint64_t)n : 0;
	s->dir->owed -= n > 0 ? (uint64_t)n : 0;
	if (s->done < s->size) {
		timer_set(s->timer, 0);
		return;
	}
	finish(
	    s, renameat(s->root, s->temp, s->parent, s->name) == 0 ? 0 : errno);
}

void
cachesave_write(
    struct cachesave *s, int memory, uint64_t size, cachesave_fn fn, void *arg)
{
	struct cachedir *d = s->dir;
	uint64_t left = 0;

	s->memory = memory;
	/* Others may have had of it since its memory was made. */
	if (find_room(d, s->root, &left, &s->why) == 0 && size > left)
		(void)fail_set(&s->why, ERR_FILE, "",
		    "it has %llu bytes, and there is room for %llu; see "
		    "--prompt-cache-max",
		    (unsigned long long)size, (unsigned long long)left);
	if (s->why.code == 0) {
		s->size = size;
		d->owed += size;
	}
	s->fn = fn;
	s->arg = arg;
	timer_set(s->timer, 0);
}
