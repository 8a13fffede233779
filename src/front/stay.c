#include "front/stay.h"

struct rule {
	enum stay_state next; /* 0: the event means nothing here */
	enum stay_action action;
};

/* Rows and columns are named, never counted. */
static const struct rule rules[STAY_NSTATES][STAY_NEVENTS] = {
	[STAY_OUT] = {
		[STAY_EV_WORK] = { STAY_WANTED, STAY_DO_WANT },
		[STAY_EV_UP] = { STAY_IN, STAY_DO_SERVE },
		[STAY_EV_FAILED] = { STAY_OUT, STAY_DO_FAIL },
		[STAY_EV_LET_GO] = { STAY_GOING, STAY_DO_LET_GO },
	},
	[STAY_WANTED] = {
		[STAY_EV_NO_WORK] = { STAY_OUT, STAY_DO_UNWANT },
		[STAY_EV_UP] = { STAY_IN, STAY_DO_SERVE },
		[STAY_EV_FAILED] = { STAY_OUT, STAY_DO_FAIL },
		[STAY_EV_LET_GO] = { STAY_GOING, STAY_DO_LET_GO },
	},
	[STAY_IN] = {
		[STAY_EV_UP] = { STAY_IN, STAY_DO_SERVE },
		[STAY_EV_FAILED] = { STAY_OUT, STAY_DO_FAIL },
		[STAY_EV_REST] = { STAY_OUT, STAY_DO_NOTHING },
		[STAY_EV_HOLD] = { STAY_HELD, STAY_DO_NOTHING },
		[STAY_EV_LET_GO] = { STAY_GOING, STAY_DO_LET_GO },
	},
	[STAY_HELD] = {
		[STAY_EV_UP] = { STAY_HELD, STAY_DO_SERVE },
		[STAY_EV_FAILED] = { STAY_OUT, STAY_DO_FAIL },
		[STAY_EV_REST] = { STAY_OUT, STAY_DO_NOTHING },
		[STAY_EV_UNHOLD] = { STAY_IN, STAY_DO_SERVE },
		[STAY_EV_LET_GO] = { STAY_GOING, STAY_DO_LET_GO },
	},
	[STAY_GOING] = {
		[STAY_EV_WORK] = { STAY_AGAIN, STAY_DO_WANT },
		[STAY_EV_UP] = { STAY_GOING, STAY_DO_IGNORE },
		[STAY_EV_REST] = { STAY_OUT, STAY_DO_NOTHING },
	},
	[STAY_AGAIN] = {
		[STAY_EV_NO_WORK] = { STAY_GOING, STAY_DO_UNWANT },
		[STAY_EV_UP] = { STAY_AGAIN, STAY_DO_IGNORE },
		[STAY_EV_FAILED] = { STAY_GOING, STAY_DO_FAIL },
		[STAY_EV_REST] = { STAY_WANTED, STAY_DO_NOTHING },
	},
};

void
stay_ask(struct stay *s, uint32_t ref)
{
	s->ref = ref;
	s->is_owed = true;
}

void
stay_hear(struct stay *s, uint32_t ref)
{
	if (ref != 0 && ref == s->ref)
		s->is_owed = false;
}

enum stay_action
stay_step(struct stay *s, enum stay_event ev)
{
	const struct rule *r = &rules[s->state][ev];

	if (r->next == 0)
		return STAY_DO_NOTHING;
	s->state = r->next;
	s->is_owed &= r->action != STAY_DO_UNWANT;
	return r->action;
}

bool
stay_heeds(const struct stay *s, uint32_t ref)
{
	return !stay_is_wanted(s) || ref == s->ref;
}

bool
stay_is_in(const struct stay *s)
{
	return s->state == STAY_IN || s->state == STAY_HELD;
}

bool
stay_is_wanted(const struct stay *s)
{
	return s->state == STAY_WANTED || s->state == STAY_AGAIN;
}
