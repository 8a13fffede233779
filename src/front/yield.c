#include "front/yield.h"

#include "base/clock.h"
#include "front/front.h"
#include "front/life.h"
#include "front/model.h"

/* What a reader that is no more than slow has time for. */
#define PARKED_MS 2000u

static bool
is_leaving(const struct gen *g)
{
	return g->ticket.is_leaving && g->j->state == GEN_RUNNING;
}

/* Which has been parked for the longest; NULL: none, or one is leaving. */
static struct gen *
longest_parked(const struct model *m)
{
	struct gen *best = NULL;

	for (struct list *it = m->active.next; it != &m->active;
	     it = it->next) {
		struct gen *g = LIST_ENTRY(it, struct gen, link);

		if (is_leaving(g))
			return NULL;
		if (!g->j->is_parked || g->j->state != GEN_RUNNING)
			continue;
		if (best == NULL ||
		    g->ticket.parked_ms < best->ticket.parked_ms)
			best = g;
	}
	return best;
}

void
yield_ask(struct model *m)
{
	struct gen *g =
	    ticket_next(m, &m->queue) == NULL ? NULL : longest_parked(m);
	uint64_t since;

	if (g == NULL)
		return;
	since = clock_ms() - g->ticket.parked_ms;
	if (since < PARKED_MS) {
		timer_set(m->later, PARKED_MS - since);
		return;
	}
	g->ticket.is_leaving = true;
	(void)gen_tell(g, MSG_GEN_CANCEL);
}

bool
yield_done(struct gen *g, const struct gen_done *d)
{
	if (d->reason != REASON_CANCEL || !is_leaving(g))
		return false;
	gen_set_state(g, GEN_QUEUED);
	ticket_on_yield(&g->ticket);
	g->model->front->metrics.generations_yielded_total++;
	return true;
}
