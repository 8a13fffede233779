#include "front/glimpse.h"

#include "front/front.h"
#include "front/life.h"
#include "front/model.h"

/* What is read again in a moment that nobody notices. */
#define RECORD_MAX (64u << 10) /* bytes */
#define TOKENS_MAX 8192u

static bool
is_small(const struct gen *g)
{
	return g->j->n_record <= RECORD_MAX &&
	    g->entry.n_prompt + g->entry.n_tokens <= TOKENS_MAX;
}

static void
look(const struct gen *g, glimpse_fn fn, void *arg)
{
	struct front *f = g->model->front;
	struct glimpse one = { .id = g->id,
		.n_prompt = g->entry.n_prompt,
		.n_out = g->entry.n_tokens };

	if (is_small(g) &&
	    saved_read_own(&f->saved, &f->journal, &g->entry) == 0)
		one.record = &f->saved.first;
	fn(arg, &one);
	saved_trim(&f->saved);
}

void
glimpse_slots(struct model *m, glimpse_fn fn, void *arg)
{
	for (struct list *it = m->active.next; it != &m->active;
	     it = it->next) {
		const struct gen *g = LIST_ENTRY(it, const struct gen, link);

		if (mode_takes_slot(g->mode))
			look(g, fn, arg);
	}
}
