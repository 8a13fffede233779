#include "worker/llama/attach.h"

#include "worker/llama/caches.h"
#include "worker/llama/check.h"
#include "worker/llama/sched.h"

#include <stdlib.h>

/* The file is a client's: what is wrong with it is no fault of the model. */
static int
as_file(int err, struct fail *why)
{
	if (err == ERR_LOAD_FAILED)
		why->code = ERR_FILE;
	return err == ERR_LOAD_FAILED ? ERR_FILE : err;
}

static int
add_lora(
    struct engine *e, const struct worker_attach *a, int fd, struct fail *why)
{
	char *path = str_dup(a->path);
	int err;

	if (path == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	err = check_gguf(fd, a->path, why);
	if (err == 0)
		err = adapters_add(&e->m.adapters, e->m.weights, (int32_t)a->id,
		    fd, path, why);
	free(path);
	return as_file(err, why);
}

int
attach_add(
    struct engine *e, const struct worker_attach *a, int fd, struct fail *why)
{
	static int (*const kinds[ATTACH_KINDS])(struct engine *,
	    const struct worker_attach *, int, struct fail *) = {
		[ATTACH_LORA] = add_lora,
		[ATTACH_CACHE] = caches_add,
		[ATTACH_SAVE] = caches_add_save,
	};

	if (a->kind >= ATTACH_KINDS || kinds[a->kind] == NULL)
		return fail_set(why, ERR_UNSUPPORTED, NULL,
		    "the llama engine takes no files of kind %u", a->kind);
	return kinds[a->kind](e, a, fd, why);
}

static bool
is_used(const struct engine *e, int32_t id)
{
	for (uint32_t i = 0; i < e->m.n_seq; i++)
		if (e->gens[i] != NULL &&
		    adapter_set_has(&e->gens[i]->adapters, id))
			return true;
	return false;
}

/* The set whose turn it is may be one that nobody has any more. */
static void
free_adapter(struct engine *e, int32_t id)
{
	if (adapter_set_has(&e->set, id))
		e->set = (struct adapter_set){ 0 };
	adapters_remove(&e->m.adapters, e->m.ctx, id);
}

void
attach_sweep(struct engine *e)
{
	for (uint32_t i = e->m.adapters.n; i-- > 0;) {
		const struct adapter_slot *one = &e->m.adapters.v[i];

		if (one->is_leaving && !is_used(e, one->id))
			free_adapter(e, one->id);
	}
}

void
attach_remove(struct engine *e, uint32_t id)
{
	adapters_leave(&e->m.adapters, (int32_t)id);
	attach_sweep(e);
	caches_remove(&e->caches, id);
}
