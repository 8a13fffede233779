/*
 * router_front - the front's half of router_world.h, and all that can happen.
 */
#ifndef ROUTER_FRONT_H
#define ROUTER_FRONT_H

#include "router_world.h"

#define REFS_ROUND 6 /* numbers are used again after so many */

typedef void (*world_fn)(void *arg, const struct world *w);

static inline struct stay
stay_of(const struct world_model *m)
{
	return (
	    struct stay){ (enum stay_state)m->stay, m->ref, m->is_owed != 0 };
}

static inline void
stay_is(struct world_model *m, const struct stay *s)
{
	m->stay = (uint8_t)s->state;
	m->ref = (uint8_t)s->ref;
	m->is_owed = s->is_owed;
}

static inline enum stay_action
front_step(struct world *w, uint8_t i, enum stay_event ev)
{
	struct stay s = stay_of(&w->m[i]);
	enum stay_action a = stay_step(&s, ev);

	stay_is(&w->m[i], &s);
	return a;
}

static inline bool
is_in(const struct world_model *m)
{
	struct stay s = stay_of(m);

	return stay_is_in(&s);
}

/* model_dispatch(): one slot. */
static inline void
front_dispatch(struct world *w, uint8_t i)
{
	struct world_model *m = &w->m[i];
	bool may =
	    m->stay == STAY_GOING || (m->stay == STAY_OUT && m->is_known);

	if (m->waiting + m->back > 0 && may) {
		struct stay s = stay_of(m);

		stay_ask(&s, m->ref % REFS_ROUND + 1u);
		stay_is(m, &s);
		(void)front_step(w, i, STAY_EV_WORK);
		send(&w->to_keeper, WANT, i, m->ref, 0);
	}
	if (!is_in(m) || m->chan == 0 || m->running > 0)
		return;
	if (m->back > 0)
		m->back--;
	else if (m->waiting > 0 && m->stay != STAY_HELD)
		m->waiting--;
	else
		return;
	m->running++;
	if (m->chan == m->inc && m->worker == LEAVING)
		w->fault = 1;
}

static inline void
front_loses(struct world_model *m)
{
	m->back = (uint8_t)(m->back + m->running);
	m->running = m->chan = 0;
}

static inline void
front_let_go(struct world *w, uint8_t i)
{
	struct world_model *m = &w->m[i];

	if (front_step(w, i, STAY_EV_LET_GO) != STAY_DO_LET_GO)
		return;
	if (m->is_owed)
		send(&w->to_keeper, UNWANT, i, m->ref, 0);
	send(&w->to_keeper, LET_GO, i, 0, 0);
	w->gone++;
	m->chan = m->is_unloading = m->is_owed = 0;
	front_dispatch(w, i);
}

static inline void
answer_waiting(struct world_model *m)
{
	m->waiting = m->running = m->back = 0;
}

static inline void
front_is_up(struct world *w, struct mail l)
{
	struct world_model *m = &w->m[l.model];

	m->is_known = 0;
	if (l.inc == 0 || front_step(w, l.model, STAY_EV_UP) == STAY_DO_IGNORE)
		return;
	front_loses(m);
	m->chan = l.inc;
	front_dispatch(w, l.model);
}

static inline void
front_hears(struct world *w)
{
	struct mail l = receive(&w->to_front);
	struct world_model *m = &w->m[l.model];
	struct stay s = stay_of(m);

	if (l.what == UP || l.what == FAILED)
		stay_hear(&s, l.ref);
	stay_is(m, &s);
	if (l.what == UP) {
		front_is_up(w, l);
	} else if (l.what == ROOM) {
		w->asked = l.inc;
		w->is_must = l.model;
	} else if (l.what == KNOWN) {
		m->is_known = 1;
		(void)front_step(w, l.model, STAY_EV_REST);
		front_dispatch(w, l.model);
	} else {
		m->is_known = 0;
		if (stay_heeds(&s, l.ref) &&
		    front_step(w, l.model, STAY_EV_FAILED) == STAY_DO_FAIL)
			answer_waiting(m);
	}
}

/* letgo_turn(): settles one model; false: there was nothing. */
static inline bool
front_settles(struct world *w, uint8_t i)
{
	struct world_model *m = &w->m[i];
	struct stay s = stay_of(m);

	if (stay_is_wanted(&s) && m->waiting + m->back == 0) {
		if (front_step(w, i, STAY_EV_NO_WORK) == STAY_DO_UNWANT)
			send(&w->to_keeper, UNWANT, i, m->ref, 0);
		return true;
	}
	if (m->stay != STAY_HELD || m->running + m->back > 0)
		return false;
	front_let_go(w, i);
	return true;
}

static inline uint8_t
n_held(const struct world *w)
{
	uint8_t n = 0;

	for (uint8_t i = 0; i < w->n; i++)
		n = (uint8_t)(n +
		    (w->m[i].stay == STAY_HELD && !w->m[i].is_unloading));
	return n;
}

/* What is let go, held or not held any more for room: by any choice. */
static inline bool
front_makes_room(struct world *w, uint8_t i)
{
	struct world_model *m = &w->m[i];
	int missing = (int8_t)(w->asked - w->gone);
	int held = n_held(w);
	bool is_idle = m->waiting + m->running + m->back == 0;

	if (m->stay == STAY_IN && missing > 0 && is_idle) {
		front_let_go(w, i);
		return true;
	}
	if (m->stay == STAY_IN && w->is_must && held < missing) {
		(void)front_step(w, i, STAY_EV_HOLD);
		return true;
	}
	if (m->stay != STAY_HELD || m->is_unloading ||
	    (w->is_must && held <= missing))
		return false;
	(void)front_step(w, i, STAY_EV_UNHOLD);
	front_dispatch(w, i);
	return true;
}

/* letgo_unload() */
static inline bool
front_unloads(struct world *w, uint8_t i)
{
	struct world_model *m = &w->m[i];
	struct stay s = stay_of(m);

	if (is_in(m)) {
		(void)front_step(w, i, STAY_EV_HOLD);
		m->is_unloading = 1;
		return true;
	}
	if (!stay_is_wanted(&s))
		return false;
	answer_waiting(m);
	front_let_go(w, i);
	return true;
}

/* It is dead: its connections too. */
static inline void
front_dies(struct world *w)
{
	memset(&w->to_keeper, 0, sizeof(w->to_keeper));
	memset(&w->to_front, 0, sizeof(w->to_front));
	w->gone = w->asked = w->is_must = 0;
	for (uint8_t i = 0; i < w->n; i++) {
		struct world_model *m = &w->m[i];

		answer_waiting(m);
		m->stay = STAY_OUT;
		m->ref = m->chan = m->is_known = m->is_unloading = 0;
		m->is_owed = 0;
	}
	keeper_greets(w);
}

/*
 * What can happen
 */

/* Totals count for as much as they differ. */
static inline void
emit(world_fn fn, void *arg, struct world *w)
{
	uint8_t base = w->n_let_go;

	w->n_let_go = 0;
	w->total = (uint8_t)(w->total - base);
	w->asked = (uint8_t)(w->asked - base);
	w->gone = (uint8_t)(w->gone - base);
	for (uint8_t i = 0; i < w->to_front.n; i++)
		if (w->to_front.mail[i].what == ROOM)
			w->to_front.mail[i].inc =
			    (uint8_t)(w->to_front.mail[i].inc - base);
	fn(arg, w);
}

static inline bool
has_space(const struct world *w)
{
	return w->to_front.n + 5 < LETTERS && w->to_keeper.n + 3 < LETTERS;
}

#define BRANCH(from, change)              \
	do {                              \
		struct world w = *(from); \
		change;                   \
		emit(fn, arg, &w);        \
	} while (0)

/* Of one model and its worker. */
static inline void
progress_of(const struct world *from, uint8_t i, world_fn fn, void *arg)
{
	const struct world_model *m = &from->m[i];
	struct world v = *from;

	if (front_settles(&v, i))
		emit(fn, arg, &v);
	v = *from;
	if (front_makes_room(&v, i))
		emit(fn, arg, &v);
	if (m->chan != 0 && (m->chan != m->inc || m->worker != READY))
		BRANCH(from, front_loses(&w.m[i]));
	if (m->worker == LOADING)
		BRANCH(from, (w.m[i].worker = READY, answer_all(&w, i, UP)));
	if (m->worker == LEAVING)
		BRANCH(from, keeper_dead(&w, i));
	if (m->running > 0 && m->chan == m->inc && m->worker == READY)
		BRANCH(from, (w.m[i].running--, front_dispatch(&w, i)));
	if (m->is_unloading && m->running + m->back > 0)
		BRANCH(from, w.m[i].running = w.m[i].back = 0);
}

/* Everything that goes on by itself. */
static inline void
world_progress(const struct world *from, world_fn fn, void *arg)
{
	struct world v = *from;

	if (from->to_keeper.n > 0 && from->to_front.n + 5 < LETTERS)
		BRANCH(from, keeper_hears(&w));
	if (from->to_front.n > 0 && from->to_keeper.n + 3 < LETTERS)
		BRANCH(from, front_hears(&w));
	if (!has_space(from))
		return;
	keeper_turn(&v);
	if (memcmp(&v, from, sizeof(v)) != 0)
		emit(fn, arg, &v);
	for (uint8_t i = 0; i < from->n; i++)
		progress_of(from, i, fn, arg);
	if (from->last_turn > 0 && !from->must)
		BRANCH(from, w.must = 1);
}

static inline void
disturb_one(const struct world *from, uint8_t i, world_fn fn, void *arg)
{
	const struct world_model *m = &from->m[i];
	struct world v = *from;

	if (from->requests > 0)
		BRANCH(from,
		    (w.requests--, w.m[i].waiting++, front_dispatch(&w, i)));
	if (from->cancels > 0 && m->waiting > 0)
		BRANCH(from, (w.cancels--, w.m[i].waiting--));
	if (from->failures > 0 && m->worker == LOADING)
		BRANCH(from,
		    (w.failures--, w.m[i].worker = NO_WORKER,
			answer_all(&w, i, FAILED), keeper_dead(&w, i)));
	if (from->crashes > 0 && m->worker == READY)
		BRANCH(from, (w.crashes--, start_worker(&w.m[i])));
	if (from->unloads > 0 && front_unloads(&v, i)) {
		v.unloads--;
		emit(fn, arg, &v);
	}
}

/* And what others do. */
static inline void
world_disturb(const struct world *from, world_fn fn, void *arg)
{
	if (!has_space(from))
		return;
	for (uint8_t i = 0; i < from->n; i++)
		disturb_one(from, i, fn, arg);
	if (from->front_deaths > 0)
		BRANCH(from, (w.front_deaths--, front_dies(&w)));
}

static inline void
world_init(struct world *w)
{
	for (uint8_t i = 0; i < w->n; i++) {
		w->m[i].place = PLACE_OUT;
		w->m[i].stay = STAY_OUT;
		w->m[i].is_known = 1;
	}
}

static inline const char *
world_fault(const struct world *w)
{
	uint8_t n = 0;

	for (uint8_t i = 0; i < w->n; i++) {
		if (w->m[i].worker != NO_WORKER)
			n++;
		if ((w->m[i].worker == NO_WORKER) !=
		    (w->m[i].place == PLACE_OUT || w->m[i].place == PLACE_LINE))
			return "a worker without a place, or a place without";
	}
	if (n > w->max)
		return "more workers than there is room for";
	return w->fault ? "work for a worker that was told to leave" : NULL;
}

static inline bool
world_is_at_rest(const struct world *w)
{
	for (uint8_t i = 0; i < w->n; i++) {
		const struct world_model *m = &w->m[i];

		if (m->waiting + m->running + m->back + m->n_refs > 0 ||
		    (m->stay != STAY_OUT && m->stay != STAY_IN) ||
		    (m->place != PLACE_OUT && m->place != PLACE_IN) ||
		    (m->stay == STAY_IN) != (m->place == PLACE_IN))
			return false;
	}
	return w->to_front.n + w->to_keeper.n == 0 && w->last_turn == 0 &&
	    w->gone == w->n_let_go;
}

static inline void
world_print(const struct world *w)
{
	static const char *const letters[] = { "NONE", "WANT", "UNWANT",
		"LET_GO", "UP", "FAILED", "KNOWN", "ROOM" };
	const struct channel *const ways[] = { &w->to_keeper, &w->to_front };

	printf("let go %d of %d, front %d of %d, must %d\n", w->n_let_go,
	    w->total, w->gone, w->asked, w->must);
	for (uint8_t i = 0; i < w->n; i++) {
		const struct world_model *m = &w->m[i];

		printf("  %d: place %s, turn %d, worker %d (%d), refs %d; "
		       "stay %d, ref %d, waiting %d, running %d, back %d, "
		       "chan %d, known %d, unloading %d\n",
		    i, place_state_name((enum place_state)m->place), m->turn,
		    m->worker, m->inc, m->n_refs, m->stay, m->ref, m->waiting,
		    m->running, m->back, m->chan, m->is_known, m->is_unloading);
	}
	for (uint8_t k = 0; k < 2; k++)
		for (uint8_t i = 0; i < ways[k]->n; i++)
			printf("  to %s: %s %d ref %d inc %d\n",
			    k == 0 ? "keeper" : "front",
			    letters[ways[k]->mail[i].what],
			    ways[k]->mail[i].model, ways[k]->mail[i].ref,
			    ways[k]->mail[i].inc);
}

#endif
