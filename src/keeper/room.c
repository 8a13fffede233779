#include "keeper/room.h"

#include <assert.h>

struct rule {
	enum place_state next; /* 0: the event means nothing here */
	enum place_action action;
};

/* Rows and columns are named, never counted. */
static const struct rule rules[PLACE_NSTATES][PLACE_NEVENTS] = {
	[PLACE_OUT] = {
		[PLACE_EV_WANT] = { PLACE_LINE, PLACE_DO_NOTHING },
	},
	[PLACE_LINE] = {
		[PLACE_EV_UNWANT] = { PLACE_OUT, PLACE_DO_NOTHING },
		[PLACE_EV_ROOM] = { PLACE_IN, PLACE_DO_START },
		[PLACE_EV_NO_ROOM] = { PLACE_OUT, PLACE_DO_REFUSE },
	},
	[PLACE_IN] = {
		[PLACE_EV_LET_GO] = { PLACE_GOING, PLACE_DO_STOP },
		[PLACE_EV_DEAD] = { PLACE_OUT, PLACE_DO_REST },
	},
	[PLACE_GOING] = {
		[PLACE_EV_WANT] = { PLACE_AGAIN, PLACE_DO_NOTHING },
		[PLACE_EV_DEAD] = { PLACE_OUT, PLACE_DO_REST },
	},
	[PLACE_AGAIN] = {
		[PLACE_EV_UNWANT] = { PLACE_GOING, PLACE_DO_NOTHING },
		[PLACE_EV_NO_ROOM] = { PLACE_GOING, PLACE_DO_REFUSE },
		[PLACE_EV_DEAD] = { PLACE_LINE, PLACE_DO_REST },
	},
};

static bool
is_in_line(enum place_state s)
{
	return s == PLACE_LINE || s == PLACE_AGAIN;
}

static bool
is_going(enum place_state s)
{
	return s == PLACE_GOING || s == PLACE_AGAIN;
}

/* What p is counted in; NULL: in nothing. */
static struct room_sum *
sum_of(struct room *r, const struct place *p)
{
	if (p->state == PLACE_IN)
		return &r->in[p->hold];
	return is_going(p->state) ? &r->going : NULL;
}

static void
count(struct room *r, const struct place *p, bool is_more)
{
	struct room_sum *s = sum_of(r, p);

	if (s == NULL)
		return;
	s->n += is_more ? 1u : UINT32_MAX;
	s->bytes += is_more ? p->need : 0 - p->need;
}

static void
set_state(struct room *r, struct place *p, enum place_state next, uint64_t now)
{
	bool was_waiting = is_in_line(p->state);

	count(r, p, false);
	p->state = next;
	count(r, p, true);
	if (was_waiting == is_in_line(next))
		return;
	list_remove(&p->link);
	r->n_line += was_waiting ? UINT32_MAX : 1u;
	if (was_waiting)
		return;
	list_append(&r->line, &p->link);
	p->since_ms = now;
}

void
room_init(struct room *r, uint32_t max, uint64_t limit)
{
	*r = (struct room){ .max = max, .limit = limit };
	list_init(&r->line);
}

void
place_init(struct place *p, enum place_hold hold)
{
	*p = (struct place){ .state = PLACE_OUT, .hold = hold };
	list_init(&p->link);
}

enum place_action
room_step(struct room *r, struct place *p, enum place_event ev, uint64_t now_ms)
{
	const struct rule *rule = &rules[p->state][ev];

	if (rule->next == 0)
		return PLACE_DO_NOTHING;
	set_state(r, p, rule->next, now_ms);
	return rule->action;
}

void
room_forget(struct room *r, struct place *p)
{
	set_state(r, p, PLACE_OUT, 0);
}

void
room_hold(struct room *r, struct place *p, enum place_hold hold)
{
	count(r, p, false);
	p->hold = hold;
	count(r, p, true);
}

void
room_need(struct room *r, struct place *p, uint64_t bytes)
{
	count(r, p, false);
	p->need = bytes;
	count(r, p, true);
}

/* Whether there is room for another of need bytes beside s. */
static bool
fits(const struct room *r, struct room_sum s, uint64_t need)
{
	if (r->max != 0 && s.n >= r->max)
		return false;
	return need <= r->limit && s.bytes <= r->limit - need;
}

static struct room_sum
add(struct room_sum a, struct room_sum b)
{
	return (struct room_sum){ a.n + b.n, a.bytes + b.bytes };
}

static struct room_sum
all_in(const struct room *r)
{
	struct room_sum s = { 0, 0 };

	for (unsigned i = 0; i < HOLD_KINDS; i++)
		s = add(s, r->in[i]);
	return s;
}

struct room_sum
room_taken(const struct room *r)
{
	return add(all_in(r), r->going);
}

enum room_verdict
room_verdict(const struct room *r, const struct place *p)
{
	struct room_sum stays = r->in[HOLD_STAYS];

	if (!fits(r, stays, p->need))
		return ROOM_NEVER;
	if (!fits(r, add(stays, r->in[HOLD_CLIENT]), p->need))
		return ROOM_BUSY;
	return fits(r, room_taken(r), p->need) ? ROOM_NOW : ROOM_LATER;
}

static struct place *
head_of(const struct room *r)
{
	return list_empty(&r->line)
	    ? NULL
	    : LIST_ENTRY(r->line.next, struct place, link);
}

struct place *
room_first(const struct room *r)
{
	struct place *p = head_of(r);

	/* One whose last worker still leaves has its own room back soon. */
	if (p == NULL || p->state != PLACE_LINE ||
	    room_verdict(r, p) != ROOM_NOW)
		return NULL;
	return p;
}

/* What is going counts as gone already. By number for all who wait at once; by
 * bytes for the first, one after the other, for only the front knows which one
 * it will be. */
static uint32_t
missing(const struct room *r)
{
	const struct place *first = head_of(r);
	struct room_sum in = all_in(r);
	uint32_t n = 0;

	if (first == NULL)
		return 0;
	if (r->max != 0 && in.n + r->n_line > r->max)
		n = in.n + r->n_line - r->max;
	if (n == 0 && !fits(r, in, first->need))
		n = 1;
	return n < r->in[HOLD_FREE].n ? n : r->in[HOLD_FREE].n;
}

uint32_t
room_total(const struct room *r)
{
	return r->n_let_go + missing(r);
}

uint64_t
room_since(const struct room *r)
{
	const struct place *p = head_of(r);

	return p == NULL ? UINT64_MAX : p->since_ms;
}

void
room_heard(struct room *r)
{
	r->n_let_go++;
}

void
room_new_front(struct room *r)
{
	r->n_let_go = 0;
}

const char *
place_state_name(enum place_state s)
{
	static const char *const names[PLACE_NSTATES] = {
		[PLACE_OUT] = "out",
		[PLACE_LINE] = "in line",
		[PLACE_IN] = "in",
		[PLACE_GOING] = "going",
		[PLACE_AGAIN] = "going, wanted",
	};

	assert(s > 0 && s < PLACE_NSTATES);
	return names[s];
}
