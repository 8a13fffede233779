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

int
adapters_add(struct adapters *a, struct llama_model *model, int fd,
    const char *path, struct fail *why)
{
	FILE *f = open_copy(fd);
	struct llama_adapter_lora *one;

	if (f == NULL)
		return fail_set(why, ERR_NOMEM, "lora", "adapter %s: %s", path,
		    strerror(errno));
	logs_forget();
	one = llama_adapter_lora_init_from_file_ptr(model, f);
	(void)fclose(f);
	if (one == NULL)
		return fail_set(why, ERR_LOAD_FAILED, "lora",
		    "adapter %s: cannot be used with this model: %s", path,
		    logs_error());
	a->v[a->n++] = one;
	if (llama_adapter_get_alora_n_invocation_tokens(one) > 0)
		return fail_set(why, ERR_UNSUPPORTED, "lora",
		    "adapter %s: is one that begins at an invocation (aLoRA), "
		    "which is not supported",
		    path);
	return 0;
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
		v[i] = a->v[set->ids[i]];
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

static bool
has(const struct adapter_set *s, int32_t id)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->ids[i] == id)
			return true;
	return false;
}

int
adapter_set_read(
    struct adapter_set *s, struct biases asked, uint32_t n, struct fail *why)
{
	memset(s, 0, sizeof(*s));
	for (uint32_t i = 0; i < asked.n; i++) {
		int32_t id = asked.p[i].token;
		float scale = asked.p[i].bias;

		if (id < 0 || (uint32_t)id >= n)
			return fail_set(why, ERR_INVALID, "lora",
			    "lora[%u]: id %d is none of the model's %u "
			    "adapters",
			    i, id, n);
		if (!isfinite(scale) || has(s, id))
			return fail_set(why, ERR_INVALID, "lora",
			    "lora[%u]: each id once, with a finite scale", i);
		if (scale != 0)
			put(s, id, scale);
	}
	return 0;
}

void
adapter_set_all(struct adapter_set *s, uint32_t n)
{
	memset(s, 0, sizeof(*s));
	for (uint32_t i = 0; i < n; i++)
		put(s, (int32_t)i, 1);
}

bool
adapter_set_eq(const struct adapter_set *a, const struct adapter_set *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a, b, sizeof(*a)) == 0);
}
