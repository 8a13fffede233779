#include "keeper/modelpace.h"

#include "keeper/model.h"

#include <stdatomic.h>

#define LOOK_PACE_MS 250u

/* The page is the worker's: what is on it may be anything. */
static uint32_t
percent_of(struct process *p)
{
	uint32_t n = atomic_load(&process_progress(p)->percent);

	return n < 100 ? n : 100;
}

static void
look(void *arg)
{
	struct models *in = arg;
	bool any = false;

	for (struct list *it = in->all.next; it != &in->all; it = it->next) {
		struct model *m = LIST_ENTRY(it, struct model, link);
		struct process *p = super_process(m->super);
		struct model_loading l = { .model = m->id };

		if (p == NULL || super_state(m->super) != CHILD_STARTING)
			continue;
		any = true;
		l.percent = percent_of(p);
		if (l.percent != m->percent)
			in->ops->loading(in->arg, &l);
		m->percent = l.percent;
	}
	if (any)
		timer_set(in->pace, LOOK_PACE_MS);
}

int
modelpace_init(struct models *in)
{
	in->pace = timer_new(in->loop, look, in);
	return in->pace != NULL ? 0 : ERR_NOMEM;
}

void
modelpace_done(struct models *in)
{
	timer_free(in->pace);
}

void
modelpace_begin(struct models *in)
{
	timer_set(in->pace, LOOK_PACE_MS);
}
