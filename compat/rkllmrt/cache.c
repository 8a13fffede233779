#include "cache.h"

#include "cut.h"
#include "handle.h"

/* Whether a run has the conversation. Under the lock. */
static bool
is_talking(const struct handle *h)
{
	return h->phase != PHASE_OF_REST && h->is_turn;
}

static int
busy(struct fail *why)
{
	return fail_set(why, ERR_BUSY, NULL,
	    "a run with keep_history is not done: abort it or wait");
}

static int
clear_all(struct handle *h, bool keep_system, struct fail *why)
{
	sigset_t was;
	int err = 0;

	phase_lock(h, &was);
	if (is_talking(h))
		err = busy(why);
	else if (h->phase == PHASE_OF_PAUSE)
		err = fail_set(why, ERR_BUSY, NULL,
		    "a run is paused: abort it, or say which part of its "
		    "context shall go");
	else
		talk_clear(&h->talk, keep_system);
	handle_unlock(h, &was);
	return err;
}

static int
clear_part(struct handle *h, uint32_t from, uint32_t end, struct fail *why)
{
	sigset_t was;
	bool is_paused;
	int err = 0;

	phase_lock(h, &was);
	is_paused = h->phase == PHASE_OF_PAUSE;
	if (!is_paused && is_talking(h))
		err = busy(why);
	else if (!is_paused)
		err = talk_cut(&h->talk, from, end, why);
	handle_unlock(h, &was);
	return is_paused ? cut_run(h, from, end, why) : err;
}

int
cache_clear(struct handle *h, int keep_system, const int *start, const int *end,
    struct fail *why)
{
	if (keep_system != 0 && keep_system != 1)
		return fail_set(why, ERR_INVALID, "keep_system_prompt",
		    "keep_system_prompt: must be 0 or 1, not %d", keep_system);
	if (start == NULL && end == NULL)
		return clear_all(h, keep_system == 1, why);
	if (start == NULL || end == NULL)
		return fail_set(why, ERR_INVALID,
		    start == NULL ? "start_pos" : "end_pos",
		    "start_pos, end_pos: must both be NULL, or both not");
	if (start[0] < 0 || end[0] < 0)
		return fail_set(why, ERR_INVALID, "start_pos",
		    "start_pos, end_pos: must be 0 or more, not %d and %d",
		    start[0], end[0]);
	return clear_part(h, (uint32_t)start[0], (uint32_t)end[0], why);
}

/* Of a run that is paused, or whose callback asks, all that it has. */
int
cache_size(struct handle *h, int *ret, struct fail *why)
{
	struct talk t;
	sigset_t was;
	int err = 0;

	if (ret == NULL)
		return fail_set(why, ERR_INVALID, "cache_sizes",
		    "cache_sizes: must not be NULL");
	talk_init(&t, 1);
	phase_lock(h, &was);
	if (h->phase == PHASE_OF_PAUSE || handle_is_own(h)) {
		err = run_context(h, &t);
		*ret = (int)talk_size(&t);
	} else {
		*ret = (int)talk_size(&h->talk);
	}
	handle_unlock(h, &was);
	talk_done(&t);
	return err;
}
