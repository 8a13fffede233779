/*
 * Theory: the engine fills memory, never a file: what it maps may not be cut
 * short by a disk that is full. The file is written beside its place and then
 * moved there.
 */
#include "saved.h"

#include "guest.h"
#include "handle.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* As much as is used is there. */
#define ROOM ((off_t)1 << 36)

struct order {
	const char *path;
	int fd;
};

static int
do_load(struct handle *h, void *arg, struct fail *why)
{
	const struct order *o = arg;
	const struct worker_attach w = { .id = ++h->last_attached,
		.kind = ATTACH_CACHE,
		.path = str_of(o->path) };
	uint32_t old;
	sigset_t was;
	int err = engine_llama.attach(h->engine, &w, o->fd, why);

	if (err != 0)
		return err;
	phase_lock(h, &was);
	old = h->prompt_cache;
	h->prompt_cache = w.id;
	handle_unlock(h, &was);
	if (old != 0)
		engine_llama.detach(h->engine, old);
	return 0;
}

int
saved_load(struct handle *h, const char *path, struct fail *why)
{
	struct order o = { .path = path };
	int err = guest_open(path, "prompt_cache_path", &o.fd, why);

	if (err != 0)
		return err;
	err = handle_call(h, do_load, &o, why);
	(void)close(o.fd);
	return err;
}

static int
do_release(struct handle *h, void *arg, struct fail *why)
{
	uint32_t old;
	sigset_t was;

	(void)arg;
	phase_lock(h, &was);
	old = h->prompt_cache;
	h->prompt_cache = 0;
	handle_unlock(h, &was);
	if (old == 0)
		return fail_set(why, ERR_NOT_FOUND, NULL,
		    "no prompt cache is loaded; rkllm_load_prompt_cache loads "
		    "one");
	engine_llama.detach(h->engine, old);
	return 0;
}

int
saved_release(struct handle *h, struct fail *why)
{
	return handle_call(h, do_release, NULL, why);
}

#define PATH_FIELD "prompt_cache_params.prompt_cache_path"

int
saving_ask(const struct rkllm_prompt_cache_param *p, int32_t mode,
    char **ret_path, struct fail *why)
{
	if (p == NULL || p->save_prompt_cache == 0)
		return 0;
	if (str_of(p->prompt_cache_path).n == 0)
		return fail_set(why, ERR_INVALID, PATH_FIELD,
		    PATH_FIELD ": must name a file for save_prompt_cache 1");
	if (mode != RKLLM_MODE_GENERATE)
		return fail_set(why, ERR_INVALID, "prompt_cache_params",
		    "prompt_cache_params: a prompt is saved in mode 0 only");
	*ret_path = strdup(p->prompt_cache_path);
	return *ret_path != NULL
	    ? 0
	    : fail_set(why, ERR_NOMEM, NULL, "out of memory");
}

int
saving_begin(struct handle *h, struct saving *s, struct fail *why)
{
	const struct worker_attach w = { .id = ++h->last_attached,
		.kind = ATTACH_SAVE,
		.path = str_of(s->path) };
	int err;

	s->fd = memfd_create("prompt-cache", MFD_CLOEXEC);
	if (s->fd < 0 || ftruncate(s->fd, ROOM) != 0)
		return fail_set(why, ERR_NOMEM, PATH_FIELD,
		    PATH_FIELD ": no memory for it: %s", strerror(errno));
	err = engine_llama.attach(h->engine, &w, s->fd, why);
	if (err == 0)
		s->id = w.id;
	return err;
}

static int
copy(int to, int from, uint64_t size)
{
	static const size_t most = 1u << 20;
	char *room = malloc(most);
	uint64_t at = 0;

	while (room != NULL && at < size) {
		size_t n = size - at < most ? (size_t)(size - at) : most;
		ssize_t got = pread(from, room, n, (off_t)at);

		if (got <= 0 || !fd_put(to, room, (size_t)got))
			break;
		at += (uint64_t)got;
	}
	free(room);
	return at == size ? 0 : ERR_IO;
}

static int
cannot_write(const char *path, struct fail *why)
{
	return fail_set(why, ERR_FILE, PATH_FIELD,
	    PATH_FIELD ": %s: cannot be written: %s", path, strerror(errno));
}

/* There is no place beside it. */
static int
write_itself(struct saving *s, int fd, struct fail *why)
{
	if (lseek(fd, 0, SEEK_SET) == 0 && ftruncate(fd, 0) == 0 &&
	    copy(fd, s->fd, s->size) == 0)
		return 0;
	return cannot_write(s->path, why);
}

int
saving_write(struct saving *s, struct fail *why)
{
	int itself = guest_descriptor(s->path);
	char *beside = NULL;
	int fd, err;

	if (itself >= 0)
		return write_itself(s, itself, why);
	if (asprintf(&beside, "%s.%d.new", s->path, (int)getpid()) < 0)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	err = fd < 0 ? ERR_IO : copy(fd, s->fd, s->size);
	if (fd >= 0 && close(fd) != 0)
		err = ERR_IO;
	if (err == 0 && rename(beside, s->path) != 0)
		err = ERR_IO;
	if (err != 0) {
		err = cannot_write(s->path, why);
		if (fd >= 0)
			(void)unlink(beside);
	}
	free(beside);
	return err;
}

void
saving_end(struct handle *h, struct saving *s)
{
	if (s->id != 0)
		engine_llama.detach(h->engine, s->id);
	if (s->fd >= 0)
		(void)close(s->fd);
	free(s->path);
	*s = (struct saving){ .fd = -1 };
}
