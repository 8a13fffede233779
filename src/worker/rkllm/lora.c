#include "worker/rkllm/lora.h"

#include <stdio.h>
#include <string.h>

/* Ids are never used again, so an adapter is its id and its scale. */
int
lora_find(struct loras *l, const struct held *files, uint32_t id, float scale,
    struct runner_lora **ret, struct fail *why)
{
	struct runner_lora want = { .scale = scale };
	int fd = held_find(files, id);

	if (fd < 0)
		return fail_set(why, ERR_INVALID, "lora",
		    "lora: there is no adapter %u", id);
	(void)snprintf(
	    want.name, sizeof(want.name), "%u@%g", id, (double)scale);
	held_path(fd, want.path);
	for (uint32_t i = 0; i < l->n_loaded; i++) {
		if (strcmp(l->loaded[i].name, want.name) != 0)
			continue;
		*ret = &l->loaded[i];
		return 0;
	}
	if (l->n_loaded == LORA_SCALES)
		return fail_set(why, ERR_BUSY, "lora",
		    "lora: %u adapters were loaded since the model was, and "
		    "this engine can unload none; load the model anew",
		    LORA_SCALES);
	l->loaded[l->n_loaded] = want;
	*ret = &l->loaded[l->n_loaded++];
	return 0;
}
