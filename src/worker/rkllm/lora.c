#include "worker/rkllm/lora.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (256u << 10)

void
lora_init(struct loras *l)
{
	*l = (struct loras){ .files = { { .id = 0 } } };
}

void
lora_done(struct loras *l)
{
	for (uint32_t i = 0; i < LORA_FILES; i++)
		if (l->files[i].id != 0)
			(void)close(l->files[i].fd);
}

/* The file may grow or shrink meanwhile: then the library finds it bad. */
static int
copy_bytes(int from, int to)
{
	static char room[BLOCK];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(from, room, sizeof(room), at)) > 0) {
		if (!fd_put(to, room, (size_t)n))
			return ERR_NOMEM;
		at += n;
	}
	return n == 0 ? 0 : ERR_FILE;
}

static int
copy(int from, int *ret, struct fail *why)
{
	int fd = memfd_create("lora", MFD_CLOEXEC);
	int err = fd < 0 ? ERR_NOMEM : copy_bytes(from, fd);

	if (err != 0) {
		if (fd >= 0)
			(void)close(fd);
		return fail_set(why, err, NULL,
		    "cannot be read into memory: %s", strerror(errno));
	}
	*ret = fd;
	return 0;
}

int
lora_attach(struct loras *l, uint32_t id, int fd, struct fail *why)
{
	uint32_t at = 0;
	int err;

	while (at < LORA_FILES && l->files[at].id != 0)
		at++;
	if (at == LORA_FILES)
		return fail_set(why, ERR_BUSY, NULL,
		    "%u adapters are attached to the model, and no more may be",
		    LORA_FILES);
	err = copy(fd, &l->files[at].fd, why);
	if (err == 0)
		l->files[at].id = id;
	return err;
}

void
lora_detach(struct loras *l, uint32_t id)
{
	for (uint32_t i = 0; i < LORA_FILES; i++)
		if (l->files[i].id == id)
			l->files[i].is_leaving = id != 0;
}

void
lora_sweep(struct loras *l, uint32_t one, uint32_t other)
{
	for (uint32_t i = 0; i < LORA_FILES; i++) {
		uint32_t id = l->files[i].id;

		if (!l->files[i].is_leaving || id == one || id == other)
			continue;
		(void)close(l->files[i].fd);
		l->files[i].id = 0;
		l->files[i].is_leaving = false;
	}
}

static int
file_of(const struct loras *l, uint32_t id)
{
	for (uint32_t i = 0; i < LORA_FILES; i++)
		if (id != 0 && l->files[i].id == id)
			return l->files[i].fd;
	return -1;
}

static struct runner_lora *
by_name(struct loras *l, const char *name)
{
	for (uint32_t i = 0; i < LORA_SCALES; i++)
		if (strcmp(l->loaded[i].name, name) == 0)
			return &l->loaded[i];
	return NULL;
}

/* A place for one more: of those that the library has, none stays. */
static struct runner_lora *
make_place(struct loras *l, const struct runner_lora *in_use)
{
	for (uint32_t i = 0; i < LORA_SCALES; i++)
		if (&l->loaded[i] != in_use)
			l->loaded[i] = (struct runner_lora){ .life = 0 };
	l->epoch++;
	return by_name(l, "");
}

/* Ids are never used again, so an adapter is its id and its scale. */
int
lora_find(struct loras *l, uint32_t id, float scale,
    const struct runner_lora *in_use, struct runner_lora **ret,
    struct fail *why)
{
	struct runner_lora want = { .scale = scale };
	int fd = file_of(l, id);

	if (fd < 0)
		return fail_set(why, ERR_INVALID, "lora",
		    "lora: there is no adapter %u", id);
	(void)snprintf(
	    want.name, sizeof(want.name), "%u@%g", id, (double)scale);
	(void)snprintf(want.path, sizeof(want.path), "/proc/self/fd/%d", fd);
	*ret = by_name(l, want.name);
	if (*ret != NULL)
		return 0;
	*ret = by_name(l, "");
	if (*ret == NULL)
		*ret = make_place(l, in_use);
	**ret = want;
	return 0;
}

void
lora_take_back(struct runner_lora *one)
{
	if (one != NULL && one->life == 0)
		*one = (struct runner_lora){ .life = 0 };
}
