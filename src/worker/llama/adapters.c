#include "worker/llama/adapters.h"

#include "worker/llama/logs.h"

#include <errno.h>
#include <llama.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static FILE *
open_copy(int fd)
{
	int copy = dup(fd);
	FILE *f = copy < 0 ? NULL : fdopen(copy, "rb");

	if (f == NULL && copy >= 0)
		(void)close(copy);
	if (f != NULL)
		rewind(f);
	return f;
}

static struct llama_adapter_lora *
read_adapter(
    struct llama_model *model, FILE *f, const char *path, struct fail *why)
{
	struct llama_adapter_lora *one;

	logs_forget();
	one = llama_adapter_lora_init_from_file_ptr(model, f);
	if (one == NULL) {
		(void)fail_set(why, ERR_LOAD_FAILED, "lora",
		    "adapter %s: cannot be used with this model: %s", path,
		    logs_error());
	} else if (llama_adapter_get_alora_n_invocation_tokens(one) > 0) {
		(void)fail_set(why, ERR_UNSUPPORTED, "lora",
		    "adapter %s: is one that begins at an invocation (aLoRA), "
		    "which is not supported",
		    path);
		llama_adapter_lora_free(one);
		return NULL;
	}
	return one;
}

int
adapters_add(struct adapters *a, struct llama_model *model, int32_t id, int fd,
    const char *path, struct fail *why)
{
	struct adapter_slot one = { .id = id };
	FILE *f;

	if (a->n == WORKER_ADAPTERS_MAX)
		return fail_set(why, ERR_BUSY, "lora",
		    "adapter %s: the model has %u adapters, the limit", path,
		    a->n);
	f = open_copy(fd);
	if (f == NULL)
		return fail_set(why, ERR_NOMEM, "lora", "adapter %s: %s", path,
		    strerror(errno));
	one.lora = read_adapter(model, f, path, why);
	(void)fclose(f);
	if (one.lora == NULL)
		return why->code;
	if (digest_sample(fd, one.digest) != 0) {
		llama_adapter_lora_free(one.lora);
		return fail_set(
		    why, ERR_IO, "lora", "adapter %s: cannot be read", path);
	}
	a->v[a->n++] = one;
	return 0;
}

static struct adapter_slot *
find(struct adapters *a, int32_t id)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (a->v[i].id == id)
			return &a->v[i];
	return NULL;
}

const uint8_t *
adapters_digest(struct adapters *a, int32_t id)
{
	return find(a, id)->digest;
}

void
adapters_leave(struct adapters *a, int32_t id)
{
	struct adapter_slot *one = find(a, id);

	if (one != NULL)
		one->is_leaving = true;
}

void
adapters_remove(struct adapters *a, struct llama_context *ctx, int32_t id)
{
	static const struct adapter_set none;
	struct adapter_slot *one = find(a, id);

	if (one == NULL || !one->is_leaving)
		return;
	if (adapter_set_has(&a->applied, id))
		adapters_use(a, ctx, &none);
	llama_adapter_lora_free(one->lora);
	a->n--;
	memmove(one, one + 1, (size_t)(&a->v[a->n] - one) * sizeof(*one));
}

void
adapters_use(struct adapters *a, struct llama_context *ctx,
    const struct adapter_set *set)
{
	struct llama_adapter_lora *v[WORKER_ADAPTERS_MAX];
	float scales[WORKER_ADAPTERS_MAX];

	if (adapter_set_eq(&a->applied, set))
		return;
	for (uint32_t i = 0; i < set->n; i++) {
		v[i] = find(a, set->ids[i])->lora;
		scales[i] = set->scales[i];
	}
	(void)llama_set_adapters_lora(ctx, v, set->n, scales);
	a->applied = *set;
}

/* By ids, so that the order in which they are named means nothing. */
static void
put(struct adapter_set *s, int32_t id, float scale)
{
	uint32_t at = s->n++;

	for (; at > 0 && s->ids[at - 1] > id; at--) {
		s->ids[at] = s->ids[at - 1];
		s->scales[at] = s->scales[at - 1];
	}
	s->ids[at] = id;
	s->scales[at] = scale;
}

bool
adapter_set_has(const struct adapter_set *s, int32_t id)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->ids[i] == id)
			return true;
	return false;
}

static int
no_such(uint32_t i, int32_t id, const struct adapters *a, struct fail *why)
{
	if (id >= (int32_t)ATTACH_FIRST)
		return fail_set(why, ERR_FILE, "lora",
		    "lora: the adapter that this reply began with is gone; "
		    "load it again");
	return fail_set(why, ERR_INVALID, "lora",
	    "lora[%u]: id %d is none of the model's %u adapters", i, id, a->n);
}

int
adapter_set_read(struct adapter_set *s, struct biases asked, struct adapters *a,
    struct fail *why)
{
	memset(s, 0, sizeof(*s));
	for (uint32_t i = 0; i < asked.n; i++) {
		int32_t id = asked.p[i].token;
		float scale = asked.p[i].bias;
		const struct adapter_slot *one = find(a, id);

		if (one == NULL || one->is_leaving)
			return no_such(i, id, a, why);
		if (!isfinite(scale) || adapter_set_has(s, id))
			return fail_set(why, ERR_INVALID, "lora",
			    "lora[%u]: each id once, with a finite scale", i);
		if (scale != 0)
			put(s, id, scale);
	}
	return 0;
}

void
adapter_set_all(struct adapter_set *s, const struct adapters *a)
{
	memset(s, 0, sizeof(*s));
	for (uint32_t i = 0; i < a->n; i++)
		put(s, a->v[i].id, 1);
}

bool
adapter_set_eq(const struct adapter_set *a, const struct adapter_set *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a, b, sizeof(*a)) == 0);
}
