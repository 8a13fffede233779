#include "front/recover.h"

#include "base/log.h"
#include "front/front.h"
#include "front/saved.h"

#include <inttypes.h>

#define TIDY_MS 10u /* between two MiB */

/* What is needed to have a worker go on where it was. */
static bool
can_go_on(const struct saved *s)
{
	return s->submit.seed != UINT64_MAX &&
	    (s->n_tokens == 0 || s->submit.resume);
}

static void
describe(const struct saved *s)
{
	log_debug("lost: generation %" PRIu64 " of model %.*s, request %.*s: "
		  "%u tokens after %u; %s",
	    s->id, (int)s->about.name.n, s->about.name.p,
	    (int)s->about.request.n, s->about.request.p, s->n_tokens,
	    s->n_prompt, can_go_on(s) ? "whole" : "not whole");
}

/* What was given up by its client is no loss. */
static void
count_lost(struct front *f, struct view *v)
{
	uint32_t n_bad = 0, n_lost = 0;

	for (uint32_t i = view_next(v, 0); i != 0; i = view_next(v, i)) {
		if (saved_read(&f->saved, v, i) != 0) {
			n_bad++;
			continue;
		}
		if (f->saved.words.is_cancelled)
			continue;
		n_lost++;
		n_bad += !can_go_on(&f->saved);
		describe(&f->saved);
	}
	saved_trim(&f->saved);
	f->metrics.streams_lost_total += n_lost;
	if (n_lost > 0)
		log_warn("%u requests ended with the front before", n_lost);
	if (n_bad > 0)
		log_error("the journal of the front before is damaged: %u "
			  "requests in it could not go on",
		    n_bad);
}

static void
on_tidy(void *arg)
{
	struct front *f = arg;

	f->is_tidying = false;
	slots_tidy(&f->journal.slots);
	front_tidy(f);
}

void
front_tidy(struct front *f)
{
	if (f->is_tidying || f->tidy_timer == NULL ||
	    slots_are_tidy(&f->journal.slots))
		return;
	f->is_tidying = true;
	timer_set(f->tidy_timer, TIDY_MS);
}

int
recover(struct front *f, int fd)
{
	struct slots *slots = &f->journal.slots;
	struct fail why;
	struct view v;
	int err = slots_map(slots, fd);

	if (err != 0)
		return err;
	f->tidy_timer = timer_new(f->loop, on_tidy, f);
	if (f->tidy_timer == NULL)
		return ERR_NOMEM;
	err = view_open(
	    slots->map, (size_t)slots->n_extents * JOURNAL_EXTENT, &v, &why);
	if (err == 0)
		count_lost(f, &v);
	else if (err != ERR_NOT_FOUND)
		log_warn("the journal of the front before cannot be read: %s; "
			 "what ran then is lost",
		    why.text);
	return journal_begin(&f->journal);
}
