#include "lora.h"

#include "guest.h"
#include "handle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCALE_MOST 1000.0f

void
loras_done(struct loras *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		free(l->all[i].name);
	l->n = 0;
}

/* Its place; n if there is none of that name. */
static uint32_t
find(const struct loras *l, const char *name)
{
	uint32_t i = 0;

	while (i < l->n && strcmp(l->all[i].name, name) != 0)
		i++;
	return i;
}

int
lora_pick(const struct loras *l, const char *name, struct biases *ret,
    struct fail *why)
{
	uint32_t i;

	if (name == NULL || name[0] == '\0')
		return 0;
	i = find(l, name);
	if (i == l->n)
		return fail_set(why, ERR_NOT_FOUND,
		    "lora_params.lora_adapter_name",
		    "lora_params.lora_adapter_name: no adapter \"%.64s\" is "
		    "loaded, of %u; rkllm_load_lora loads one",
		    name, l->n);
	*ret = (struct biases){ &l->all[i].use, 1 };
	return 0;
}

/* What the thread needs. */
struct order {
	const struct rkllm_lora_adapter *a;
	int fd;
};

/* The new one is there: it takes the place of its name. Under the lock. */
static int
put(struct handle *h, const char *name, struct bias use)
{
	struct loras *l = &h->loras;
	uint32_t i = find(l, name);

	if (i < l->n) {
		engine_llama.detach(h->engine, (uint32_t)l->all[i].use.token);
		l->all[i].use = use;
		return 0;
	}
	l->all[i].name = strdup(name);
	if (l->all[i].name == NULL)
		return ERR_NOMEM;
	l->all[i].use = use;
	l->n++;
	return 0;
}

static int
do_load(struct handle *h, void *arg, struct fail *why)
{
	const struct order *o = arg;
	const struct worker_attach w = { .id = ++h->last_attached,
		.kind = ATTACH_LORA,
		.path = str_of(o->a->lora_adapter_path) };
	struct bias use = { (int32_t)w.id, o->a->scale };
	sigset_t was;
	int err = engine_llama.attach(h->engine, &w, o->fd, why);

	if (err != 0)
		return err;
	phase_lock(h, &was);
	err = put(h, o->a->lora_adapter_name, use);
	handle_unlock(h, &was);
	if (err != 0)
		engine_llama.detach(h->engine, w.id);
	return err;
}

static int
check(struct handle *h, const struct rkllm_lora_adapter *a, struct fail *why)
{
	sigset_t was;
	bool is_full;

	if (a == NULL || a->lora_adapter_name == NULL ||
	    a->lora_adapter_name[0] == '\0')
		return fail_set(why, ERR_INVALID, "lora_adapter_name",
		    "lora_adapter_name: must not be empty");
	if (!(fabsf(a->scale) <= SCALE_MOST))
		return fail_set(why, ERR_INVALID, "scale",
		    "scale: must be %g to %g, not %g", (double)-SCALE_MOST,
		    (double)SCALE_MOST, (double)a->scale);
	phase_lock(h, &was);
	is_full = h->loras.n == WORKER_ADAPTERS_MAX &&
	    find(&h->loras, a->lora_adapter_name) == h->loras.n;
	handle_unlock(h, &was);
	if (is_full)
		return fail_set(why, ERR_BUSY, "lora_adapter_name",
		    "lora_adapter_name: %u adapters are loaded, the limit",
		    WORKER_ADAPTERS_MAX);
	return 0;
}

int
lora_load(
    struct handle *h, const struct rkllm_lora_adapter *a, struct fail *why)
{
	struct order o = { .a = a };
	int err = check(h, a, why);

	if (err == 0)
		err = guest_open(
		    a->lora_adapter_path, "lora_adapter_path", &o.fd, why);
	if (err != 0)
		return err;
	err = handle_call(h, do_load, &o, why);
	(void)close(o.fd);
	return err;
}
