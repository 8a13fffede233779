#include "worker/rkllm/caches.h"

#include <sys/stat.h>

/* Where it is none of this worker's, a run before it in another has saved it. */
static int
use_save(const struct held *files, struct run *r, uint32_t id, struct fail *why)
{
	if (held_find(files, id) < 0)
		return 0;
	r->save.fd = held_memory("prompt-cache");
	if (r->save.fd < 0)
		return fail_set(why, ERR_NOMEM, "prompt_cache_params",
		    "prompt_cache_params: no memory for it");
	r->save.id = id;
	held_path(r->save.fd, r->save.path);
	r->ask.job.infer.cache_path = r->save.path;
	r->ask.job.infer.save_cache = true;
	return 0;
}

/* One that is gone would only have saved time. */
int
caches_use(const struct held *files, struct run *r, const struct gen_submit *g,
    struct fail *why)
{
	int fd = held_find(files, g->cache);

	if (fd >= 0) {
		r->ask.job.cache = g->cache;
		held_path(fd, r->ask.job.cache_path);
	}
	return g->save == 0 ? 0 : use_save(files, r, g->save, why);
}

static int
copy(const struct run *r, int to, uint64_t *ret_size, struct fail *why)
{
	struct stat made = { .st_size = 0 }, room = { .st_size = 0 };

	if (fstat(r->save.fd, &made) != 0 || fstat(to, &room) != 0)
		return fail_set(why, ERR_IO, "", "it cannot be looked at");
	if (made.st_size == 0)
		return fail_set(
		    why, ERR_UNSUPPORTED, "", "librkllmrt has written nothing");
	if (made.st_size > room.st_size)
		return fail_set(why, ERR_FILE, "",
		    "it would have %lld bytes, and --prompt-cache-max leaves "
		    "%lld",
		    (long long)made.st_size, (long long)room.st_size);
	*ret_size = (uint64_t)made.st_size;
	return held_copy(r->save.fd, to) == 0
	    ? 0
	    : fail_set(why, ERR_NOMEM, "", "there is no memory for it");
}

void
caches_save(struct engine *e, struct run *r)
{
	struct worker_saved s = { .id = r->save.id };
	int to = held_find(&e->files, r->save.id);
	struct fail why = { 0 };

	if (to < 0)
		return;
	s.err = copy(r, to, &s.size, &why);
	s.text = str_of(why.text);
	if (e->events.on_saved != NULL)
		e->events.on_saved(e->events.arg, &s);
}
