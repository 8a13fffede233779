#include "keeper/child.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

struct child {
	struct child_limits limits;
	enum child_state state;
	bool was_ready;	      /* since START */
	uint32_t no_spawns;   /* since the last spawn that worked */
	uint32_t deaths;      /* not forgiven, within the window */
	uint64_t first_death; /* of those: when, in ms */
	uint32_t retries;     /* tries out of FAILED, none of which held */
	uint64_t deadline;    /* UINT64_MAX: none */
};

struct rule {
	enum child_state next; /* 0: the event means nothing here */
	enum child_action action;
};

/* Rows and columns are named, never counted: adding a state cannot shift one.
 * The exit cells of STARTING and UP name BACKOFF; died() may make it FAILED. */
static const struct rule rules[CHILD_NSTATES][CHILD_NEVENTS] = {
	[CHILD_DOWN] = {
		[CHILD_EV_START] = { CHILD_STARTING, CHILD_DO_SPAWN },
	},
	[CHILD_STARTING] = {
		[CHILD_EV_READY] = { CHILD_UP, CHILD_DO_NOTHING },
		[CHILD_EV_ALIVE] = { CHILD_STARTING, CHILD_DO_NOTHING },
		[CHILD_EV_STOP] = { CHILD_STOPPING, CHILD_DO_TERM },
		[CHILD_EV_HURRY] = { CHILD_STOPPING, CHILD_DO_HURRY },
		[CHILD_EV_EXIT] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
		[CHILD_EV_LOST] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
		[CHILD_EV_FINAL] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
		[CHILD_EV_HANG] = { CHILD_HUNG, CHILD_DO_ABORT },
		[CHILD_EV_KILL] = { CHILD_DYING, CHILD_DO_KILL },
		[CHILD_EV_TIMEOUT] = { CHILD_HUNG, CHILD_DO_ABORT },
		[CHILD_EV_NONE] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
	},
	[CHILD_UP] = {
		[CHILD_EV_STOP] = { CHILD_STOPPING, CHILD_DO_TERM },
		[CHILD_EV_HURRY] = { CHILD_STOPPING, CHILD_DO_HURRY },
		[CHILD_EV_EXIT] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
		[CHILD_EV_LOST] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
		[CHILD_EV_FINAL] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
		[CHILD_EV_HANG] = { CHILD_HUNG, CHILD_DO_ABORT },
		[CHILD_EV_KILL] = { CHILD_DYING, CHILD_DO_KILL },
		[CHILD_EV_TIMEOUT] = { CHILD_UP, CHILD_DO_NOTHING },
	},
	[CHILD_HUNG] = {
		[CHILD_EV_STOP] = { CHILD_LEAVING, CHILD_DO_KILL },
		[CHILD_EV_HURRY] = { CHILD_LEAVING, CHILD_DO_KILL },
		[CHILD_EV_EXIT] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
		[CHILD_EV_LOST] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
		[CHILD_EV_FINAL] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
		[CHILD_EV_KILL] = { CHILD_DYING, CHILD_DO_KILL },
		[CHILD_EV_TIMEOUT] = { CHILD_DYING, CHILD_DO_KILL },
	},
	[CHILD_DYING] = {
		[CHILD_EV_STOP] = { CHILD_LEAVING, CHILD_DO_KILL },
		[CHILD_EV_HURRY] = { CHILD_LEAVING, CHILD_DO_KILL },
		[CHILD_EV_EXIT] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
		[CHILD_EV_LOST] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
		[CHILD_EV_FINAL] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
		[CHILD_EV_TIMEOUT] = { CHILD_FENCED, CHILD_DO_FENCE },
	},
	[CHILD_FENCED] = {
		[CHILD_EV_STOP] = { CHILD_STRAY, CHILD_DO_NOTHING },
		[CHILD_EV_HURRY] = { CHILD_STRAY, CHILD_DO_NOTHING },
		[CHILD_EV_EXIT] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
		[CHILD_EV_LOST] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
		[CHILD_EV_FINAL] = { CHILD_BACKOFF, CHILD_DO_NOTHING },
	},
	[CHILD_STOPPING] = {
		[CHILD_EV_HURRY] = { CHILD_STOPPING, CHILD_DO_HURRY },
		[CHILD_EV_EXIT] = { CHILD_DOWN, CHILD_DO_NOTHING },
		[CHILD_EV_LOST] = { CHILD_DOWN, CHILD_DO_NOTHING },
		[CHILD_EV_FINAL] = { CHILD_DOWN, CHILD_DO_NOTHING },
		[CHILD_EV_KILL] = { CHILD_LEAVING, CHILD_DO_KILL },
		[CHILD_EV_TIMEOUT] = { CHILD_LEAVING, CHILD_DO_KILL },
	},
	[CHILD_LEAVING] = {
		[CHILD_EV_EXIT] = { CHILD_DOWN, CHILD_DO_NOTHING },
		[CHILD_EV_LOST] = { CHILD_DOWN, CHILD_DO_NOTHING },
		[CHILD_EV_FINAL] = { CHILD_DOWN, CHILD_DO_NOTHING },
		[CHILD_EV_TIMEOUT] = { CHILD_STRAY, CHILD_DO_FENCE },
	},
	[CHILD_STRAY] = {
		[CHILD_EV_EXIT] = { CHILD_DOWN, CHILD_DO_NOTHING },
		[CHILD_EV_LOST] = { CHILD_DOWN, CHILD_DO_NOTHING },
		[CHILD_EV_FINAL] = { CHILD_DOWN, CHILD_DO_NOTHING },
	},
	[CHILD_BACKOFF] = {
		[CHILD_EV_STOP] = { CHILD_DOWN, CHILD_DO_NOTHING },
		[CHILD_EV_HURRY] = { CHILD_DOWN, CHILD_DO_NOTHING },
		[CHILD_EV_TIMEOUT] = { CHILD_STARTING, CHILD_DO_SPAWN },
	},
	[CHILD_FAILED] = {
		[CHILD_EV_START] = { CHILD_STARTING, CHILD_DO_SPAWN },
		[CHILD_EV_STOP] = { CHILD_DOWN, CHILD_DO_NOTHING },
		[CHILD_EV_HURRY] = { CHILD_DOWN, CHILD_DO_NOTHING },
		[CHILD_EV_TIMEOUT] = { CHILD_STARTING, CHILD_DO_SPAWN },
	},
};

struct child *
child_new(const struct child_limits *limits)
{
	struct child *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->limits = *limits;
	c->state = CHILD_DOWN;
	c->deadline = UINT64_MAX;
	return c;
}

void
child_free(struct child *c)
{
	free(c);
}

/* base, doubled so many times, at most max. */
static uint32_t
doubled(uint32_t base, uint32_t times, uint32_t max)
{
	uint64_t ms = base;

	while (times-- > 0 && ms < max)
		ms *= 2;
	return ms < max ? (uint32_t)ms : max;
}

uint32_t
child_backoff(const struct child_limits *limits, uint32_t failures)
{
	return failures == 0
	    ? 0
	    : doubled(limits->backoff_ms, failures - 1, limits->backoff_max_ms);
}

/* A crash must cost the user little: the first respawn waits for nothing. */
static uint32_t
backoff_ms(const struct child *c)
{
	if (c->no_spawns > 0)
		return child_backoff(&c->limits, c->no_spawns);
	return child_backoff(&c->limits, c->deaths <= 1 ? 0 : c->deaths - 1);
}

static uint64_t
deadline_of(const struct child *c, enum child_event ev, uint64_t now_ms)
{
	const struct child_limits *l = &c->limits;

	switch (c->state) {
	case CHILD_UP:
		/* A steady one owes nothing more. */
		return ev == CHILD_EV_TIMEOUT ? UINT64_MAX
					      : now_ms + l->steady_ms;
	case CHILD_HUNG:
		return now_ms + l->abort_ms;
	case CHILD_DYING:
	case CHILD_LEAVING:
		return now_ms + l->kill_ms;
	case CHILD_STARTING:
		return now_ms + l->start_ms;
	case CHILD_STOPPING:
		return now_ms +
		    (ev == CHILD_EV_HURRY ? l->hurry_ms : l->stop_ms);
	case CHILD_BACKOFF:
		return now_ms + backoff_ms(c);
	case CHILD_FAILED:
		if (l->retry_ms == 0)
			return UINT64_MAX;
		return now_ms +
		    doubled(l->retry_ms, c->retries - 1, l->retry_max_ms);
	default:
		return UINT64_MAX;
	}
}

static void
forgive(struct child *c)
{
	c->deaths = 0;
	c->no_spawns = 0;
	c->retries = 0;
}

void
child_trust(struct child *c)
{
	c->was_ready = true;
}

void
child_pardon(struct child *c)
{
	/* In FAILED the pause goes on; there they are counted by retries. */
	if (c->state != CHILD_FAILED)
		forgive(c);
}

/* Counts a death; true when it was one too many. One that comes after real
 * work is the first of a new count: whoever is killed again and again from
 * outside, and gets on in between, is not what the limit is for. */
static bool
died(struct child *c, enum child_event ev, uint64_t now_ms)
{
	uint32_t most = c->limits.max_deaths;

	if (!c->was_ready && c->limits.max_unready < most)
		most = c->limits.max_unready;
	if (ev == CHILD_EV_LOST)
		forgive(c);
	c->no_spawns = 0;
	if (c->deaths > 0 && now_ms - c->first_death > c->limits.window_ms)
		c->deaths = 0;
	if (c->deaths++ == 0)
		c->first_death = now_ms;
	if (ev != CHILD_EV_FINAL && c->retries == 0 && c->deaths < most)
		return false;
	c->retries++;
	return true;
}

/* A machine that has no memory or process left is waited out, however long it
 * takes, for one that has been ready; true when it has been too long. */
static bool
stayed_away(struct child *c)
{
	c->no_spawns++;
	if (c->retries == 0 &&
	    (c->was_ready || c->no_spawns < c->limits.max_deaths))
		return false;
	c->retries++;
	return true;
}

enum child_action
child_step(struct child *c, enum child_event ev, uint64_t now_ms)
{
	const struct rule *r = &rules[c->state][ev];
	enum child_action action = r->action;

	if (r->next == 0)
		return CHILD_DO_NOTHING;
	c->state = r->next;

	if (ev == CHILD_EV_START || ev == CHILD_EV_READY)
		c->was_ready = ev == CHILD_EV_READY;
	if (ev == CHILD_EV_START ||
	    (c->state == CHILD_UP && ev == CHILD_EV_TIMEOUT))
		forgive(c);
	if (c->state == CHILD_BACKOFF &&
	    (ev == CHILD_EV_NONE ? stayed_away(c) : died(c, ev, now_ms))) {
		c->state = CHILD_FAILED;
		action = CHILD_DO_GIVE_UP;
	}
	c->deadline = deadline_of(c, ev, now_ms);
	return action;
}

enum child_state
child_state(const struct child *c)
{
	return c->state;
}

uint64_t
child_deadline(const struct child *c)
{
	return c->deadline;
}

const char *
child_state_name(enum child_state s)
{
	static const char *const names[CHILD_NSTATES] = {
		[CHILD_DOWN] = "down",
		[CHILD_STARTING] = "starting",
		[CHILD_UP] = "up",
		[CHILD_HUNG] = "hung",
		[CHILD_DYING] = "dying",
		[CHILD_FENCED] = "fenced",
		[CHILD_STOPPING] = "stopping",
		[CHILD_LEAVING] = "leaving",
		[CHILD_STRAY] = "stray",
		[CHILD_BACKOFF] = "backoff",
		[CHILD_FAILED] = "failed",
	};

	assert(s > 0 && s < CHILD_NSTATES);
	return names[s];
}
