#include "keeper/modelroom.h"

#include "keeper/model.h"

/* Those of the configuration stay; who named another's file lets it go. */
static bool
any_may_leave(const struct models *in)
{
	for (struct list *it = in->all.next; it != &in->all; it = it->next) {
		const struct model *m = LIST_ENTRY(it, struct model, link);

		if (!m->is_fixed && !m->is_listed && !m->is_leaving)
			return true;
	}
	return false;
}

int
modelroom_check(const struct models *in, const char *path, struct fail *f)
{
	uint32_t max = in->conf->models_max;
	bool may_leave = any_may_leave(in);

	if (max == 0 || in->n < max)
		return 0;
	return fail_set(f, may_leave ? ERR_BUSY : ERR_FULL, "model",
	    "model %.240s: %u models are loaded, which is --models-max; %s",
	    path, in->n,
	    may_leave ? "one that a client named by its file leaves with its "
			"last user (rkllm.destroy), or restart with a larger "
			"one"
		      : "they stay loaded: restart with a larger one, or with "
			"fewer models");
}
