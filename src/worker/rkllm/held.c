#include "worker/rkllm/held.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK (256u << 10)

int
held_memory(const char *name)
{
	return memfd_create(name, MFD_CLOEXEC);
}

static bool
put_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, p, n);

		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

/* The file may grow or shrink meanwhile: then the library finds it bad. */
int
held_copy(int from, int to)
{
	static char room[BLOCK];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(from, room, sizeof(room), at)) > 0) {
		if (!put_all(to, room, (size_t)n))
			return ERR_NOMEM;
		at += n;
	}
	return n == 0 ? 0 : ERR_FILE;
}

void
held_path(int fd, char ret[HELD_PATH])
{
	(void)snprintf(ret, HELD_PATH, "/proc/self/fd/%d", fd);
}

void
held_init(struct held *h)
{
	*h = (struct held){ .files = { { .id = 0 } } };
}

void
held_done(struct held *h)
{
	for (uint32_t i = 0; i < HELD_MAX; i++)
		if (h->files[i].id != 0)
			(void)close(h->files[i].fd);
	held_init(h);
}

/* A place for one, which takes fd over. */
static int
put(struct held *h, uint32_t id, int fd, struct fail *why)
{
	uint32_t at = 0;

	while (at < HELD_MAX && h->files[at].id != 0)
		at++;
	if (at == HELD_MAX) {
		(void)close(fd);
		return fail_set(why, ERR_BUSY, NULL,
		    "%u files are attached to the model, and no more may be",
		    HELD_MAX);
	}
	h->files[at] = (struct held_file){ .id = id, .fd = fd };
	return 0;
}

int
held_add(struct held *h, uint32_t id, int fd, struct fail *why)
{
	int copy = held_memory("attached");
	int err = copy < 0 ? ERR_NOMEM : held_copy(fd, copy);

	if (err == 0)
		return put(h, id, copy, why);
	(void)fail_set(
	    why, err, NULL, "cannot be read into memory: %s", strerror(errno));
	if (copy >= 0)
		(void)close(copy);
	return err;
}

int
held_add_itself(struct held *h, uint32_t id, int fd, struct fail *why)
{
	int mine = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return mine >= 0 ? put(h, id, mine, why)
			 : fail_set(why, ERR_NOMEM, NULL, "no descriptor");
}

void
held_leave(struct held *h, uint32_t id)
{
	for (uint32_t i = 0; i < HELD_MAX; i++)
		if (h->files[i].id == id)
			h->files[i].is_leaving = id != 0;
}

void
held_sweep(struct held *h, held_want_fn *is_wanted, void *arg)
{
	for (uint32_t i = 0; i < HELD_MAX; i++) {
		struct held_file *f = &h->files[i];

		if (!f->is_leaving || is_wanted(arg, f->id))
			continue;
		(void)close(f->fd);
		*f = (struct held_file){ .id = 0 };
	}
}

int
held_find(const struct held *h, uint32_t id)
{
	for (uint32_t i = 0; i < HELD_MAX; i++)
		if (id != 0 && h->files[i].id == id)
			return h->files[i].fd;
	return -1;
}
