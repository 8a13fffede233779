#include "worker/rkllm/cache.h"

#include "base/fd.h"
#include "base/hash.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x4843434c4b52424bu /* "KBRKLCCH", little-endian */
#define BLOCK (256u << 10)
#define SAMPLE (64u << 10) /* of a model's file, at both of its ends */

struct head {
	uint64_t magic;
	uint64_t model;
	char version[16];
	uint64_t n;    /* bytes of what follows */
	uint64_t hash; /* of it */
};

static char block[BLOCK];

static uint64_t
digest_of(int fd)
{
	struct stat st = { .st_size = 0 };
	uint64_t hash = HASH_START;
	ssize_t n;

	(void)fstat(fd, &st);
	hash = hash_more(hash, &st.st_size, sizeof(st.st_size));
	n = pread(fd, block, SAMPLE, 0);
	hash = hash_more(hash, block, n > 0 ? (size_t)n : 0);
	if (st.st_size > (off_t)SAMPLE) {
		n = pread(fd, block, SAMPLE, st.st_size - (off_t)SAMPLE);
		hash = hash_more(hash, block, n > 0 ? (size_t)n : 0);
	}
	return hash;
}

void
cache_init(struct cache_files *c, int model, const char *version)
{
	*c = (struct cache_files){ .model = digest_of(model),
		.version = version };
}

void
cache_done(struct cache_files *c)
{
	for (uint32_t i = 0; i < CACHE_FILES; i++)
		if (c->v[i].id != 0)
			(void)close(c->v[i].fd);
}

/* The jail has no pwrite(2). */
static bool
put(int fd, off_t at, const void *p, size_t n)
{
	return lseek(fd, at, SEEK_SET) == at && fd_put(fd, p, n);
}

/* All that there are; how many bytes, and their hash. 0, ERR_TOO_BIG or ERR_IO. */
static int
copy(int from, off_t from_at, int to, off_t to_at, uint64_t *ret_n,
    uint64_t *ret_hash)
{
	ssize_t n;

	*ret_n = 0;
	*ret_hash = HASH_START;
	while ((n = pread(from, block, sizeof(block), from_at)) > 0) {
		if (!put(to, to_at, block, (size_t)n))
			return ERR_TOO_BIG;
		*ret_hash = hash_more(*ret_hash, block, (size_t)n);
		*ret_n += (uint64_t)n;
		from_at += n;
		to_at += n;
	}
	return n == 0 ? 0 : ERR_IO;
}

static int
check_head(const struct cache_files *c, const struct head *h, size_t n,
    const char **ret_what)
{
	*ret_what = n != sizeof(*h) || h->magic != MAGIC
	    ? "is no prompt cache of this engine"
	    : h->model != c->model ? "was saved by another model"
	    : strncmp(h->version, c->version, sizeof(h->version)) != 0
	    ? "was saved by another version of librkllmrt"
	    : NULL;
	return *ret_what == NULL ? 0 : ERR_FILE;
}

static int
open_cache(const struct cache_files *c, int fd, int *ret, const char **ret_what)
{
	struct head h;
	ssize_t n = pread(fd, &h, sizeof(h), 0);
	int err = check_head(c, &h, n > 0 ? (size_t)n : 0, ret_what);
	uint64_t size, hash;
	int to;

	if (err != 0)
		return err;
	to = memfd_create("cache", MFD_CLOEXEC);
	if (to < 0)
		return ERR_NOMEM;
	err = copy(fd, sizeof(h), to, 0, &size, &hash);
	if (err == 0 && (size != h.n || hash != h.hash)) {
		*ret_what = "is damaged, or was cut short";
		err = ERR_FILE;
	}
	if (err != 0) {
		(void)close(to);
		return err == ERR_FILE ? err : ERR_NOMEM;
	}
	*ret = to;
	return 0;
}

int
cache_attach(struct cache_files *c, const struct worker_attach *a, int fd,
    struct fail *why)
{
	struct cache_file f = { .id = a->id,
		.is_save = a->kind == ATTACH_SAVE };
	const char *what = "cannot be read into memory";
	uint32_t at = 0;
	int err = 0;

	while (at < CACHE_FILES && c->v[at].id != 0)
		at++;
	if (at == CACHE_FILES)
		return fail_set(why, ERR_BUSY, NULL, "there are too many");
	if (f.is_save)
		f.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	else
		err = open_cache(c, fd, &f.fd, &what);
	if (err == 0 && f.fd < 0)
		err = ERR_NOMEM;
	if (err != 0)
		return fail_set(why, err, "prompt_cache_path",
		    "prompt cache %.*s: %s", (int)a->path.n, a->path.p, what);
	c->v[at] = f;
	return 0;
}

void
cache_detach(struct cache_files *c, uint32_t id)
{
	for (uint32_t i = 0; i < CACHE_FILES; i++)
		if (id != 0 && c->v[i].id == id)
			c->v[i].is_leaving = true;
}

void
cache_sweep(struct cache_files *c, uint32_t one, uint32_t other)
{
	for (uint32_t i = 0; i < CACHE_FILES; i++) {
		struct cache_file *f = &c->v[i];

		if (!f->is_leaving || f->id == one || f->id == other)
			continue;
		(void)close(f->fd);
		*f = (struct cache_file){ .id = 0 };
	}
}

static int
find(const struct cache_files *c, uint32_t id, bool is_save)
{
	for (uint32_t i = 0; i < CACHE_FILES; i++)
		if (id != 0 && c->v[i].id == id && c->v[i].is_save == is_save)
			return c->v[i].fd;
	return -1;
}

bool
cache_has_save(const struct cache_files *c, uint32_t id)
{
	return find(c, id, true) >= 0;
}

bool
cache_path(const struct cache_files *c, uint32_t id, char ret[CACHE_PATH])
{
	int fd = find(c, id, false);

	(void)snprintf(ret, CACHE_PATH, "/proc/self/fd/%d", fd);
	return fd >= 0;
}

int
cache_new(char ret[CACHE_PATH])
{
	int fd = memfd_create("cache", MFD_CLOEXEC);

	(void)snprintf(ret, CACHE_PATH, "/proc/self/fd/%d", fd);
	return fd;
}

void
cache_put(struct cache_files *c, uint32_t id, int from,
    struct worker_saved *ret, struct fail *why)
{
	struct head h = { .magic = MAGIC, .model = c->model };
	int to = find(c, id, true);
	int err = to < 0 ? ERR_NOT_FOUND
			 : copy(from, 0, to, sizeof(h), &h.n, &h.hash);

	(void)snprintf(h.version, sizeof(h.version), "%s", c->version);
	if (err == 0 && h.n == 0)
		err = fail_set(why, ERR_INTERNAL, NULL,
		    "librkllmrt has written nothing to it");
	if (err == 0 && !put(to, 0, &h, sizeof(h)))
		err = ERR_TOO_BIG;
	if (err != 0 && why->code == 0)
		(void)fail_set(why, err, NULL, "%s", err_text(err));
	*ret = (struct worker_saved){ .id = id,
		.size = err == 0 ? sizeof(h) + h.n : 0,
		.err = err,
		.text = str_of(why->text) };
}
