/*
 * router_world - keeper and front with their tables, the channels between them
 * and a worker for each model, as a value that can be copied and compared.
 */
#ifndef ROUTER_WORLD_H
#define ROUTER_WORLD_H

#include "front/stay.c"
#include "keeper/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODELS 3
#define REFS 3
#define LETTERS 10

enum letter { NONE, WANT, UNWANT, LET_GO, UP, FAILED, KNOWN, ROOM };
enum worker { NO_WORKER, LOADING, READY, LEAVING };

struct mail {
	uint8_t what, model, ref, inc;
};

struct channel {
	struct mail mail[LETTERS];
	uint8_t n;
};

struct world_model {
	/* the keeper's */
	uint8_t place, turn; /* turn: order in the line */
	uint8_t worker, inc; /* its worker, and which one it is */
	uint8_t has_channel; /* the front was sent that one's */
	uint8_t refs[REFS], n_refs;
	/* the front's */
	uint8_t stay, ref, is_owed;
	uint8_t waiting, running, back;
	uint8_t chan;	  /* inc of the worker at its other end; 0: none */
	uint8_t is_known; /* the keeper's last word is that it rests */
	uint8_t is_unloading;
};

struct world {
	uint8_t n, max, is_taken;
	uint8_t n_let_go, total, said_must; /* the keeper has heard and said */
	uint8_t must;			    /* somebody has waited long */
	uint8_t gone, asked, is_must;	    /* the front has said and heard */
	uint8_t last_turn;
	/* what may come yet */
	uint8_t requests, cancels, unloads, crashes, failures, front_deaths;
	uint8_t fault; /* 1: work for a worker that was told to leave */
	struct world_model m[MODELS];
	struct channel to_keeper, to_front;
};

static inline void
send(struct channel *c, uint8_t what, uint8_t model, uint8_t ref, uint8_t inc)
{
	if (c->n == LETTERS)
		abort();
	c->mail[c->n++] = (struct mail){ what, model, ref, inc };
}

/* So that the same in another order of numbers is the same. */
static inline struct mail
receive(struct channel *c)
{
	struct mail m = c->mail[0];

	memmove(c->mail, c->mail + 1, sizeof(c->mail) - sizeof(m));
	memset(&c->mail[--c->n], 0, sizeof(m));
	return m;
}

/*
 * The keeper
 */

struct table {
	struct room room;
	struct place place[MODELS];
};

static inline void
load_table(const struct world *w, struct table *t)
{
	room_init(&t->room, w->max, UINT64_MAX);
	t->room.n_let_go = w->n_let_go;
	for (uint8_t i = 0; i < w->n; i++) {
		place_init(&t->place[i], HOLD_FREE);
		t->place[i].state = (enum place_state)w->m[i].place;
		t->room.in[HOLD_FREE].n += w->m[i].place == PLACE_IN;
		t->room.going.n += w->m[i].place == PLACE_GOING ||
		    w->m[i].place == PLACE_AGAIN;
	}
	for (uint8_t turn = 1; turn <= w->last_turn; turn++)
		for (uint8_t i = 0; i < w->n; i++)
			if (w->m[i].turn == turn) {
				list_append(&t->room.line, &t->place[i].link);
				t->room.n_line++;
			}
}

static inline void
store_table(struct world *w, const struct table *t)
{
	const struct list *line = &t->room.line;

	w->n_let_go = (uint8_t)t->room.n_let_go;
	w->last_turn = 0;
	for (uint8_t i = 0; i < w->n; i++) {
		w->m[i].place = (uint8_t)t->place[i].state;
		w->m[i].turn = 0;
	}
	for (struct list *it = line->next; it != line; it = it->next)
		w->m[LIST_ENTRY(it, struct place, link) - t->place].turn =
		    ++w->last_turn;
}

static inline enum place_action
keeper_step(struct world *w, uint8_t i, enum place_event ev)
{
	struct table t;
	enum place_action a;

	load_table(w, &t);
	if (ev == PLACE_EV_LET_GO)
		room_heard(&t.room);
	a = room_step(&t.room, &t.place[i], ev, 0);
	store_table(w, &t);
	return a;
}

static inline void
start_worker(struct world_model *m)
{
	m->worker = LOADING;
	m->inc = (uint8_t)(m->inc % 5 + 1);
	m->has_channel = 0;
}

/* All who wait hear it; what is up has its channel sent once. */
static inline void
answer_all(struct world *w, uint8_t i, uint8_t what)
{
	struct world_model *m = &w->m[i];

	for (uint8_t k = 0; k < m->n_refs || k == 0; k++) {
		uint8_t ref = m->n_refs > 0 ? m->refs[k] : 0;
		bool is_first = what == UP && !m->has_channel;

		send(&w->to_front, what, i, ref, is_first ? m->inc : 0);
		m->has_channel |= is_first;
	}
	memset(m->refs, 0, sizeof(m->refs));
	m->n_refs = 0;
}

static inline void
keeper_dead(struct world *w, uint8_t i)
{
	w->m[i].worker = NO_WORKER;
	if (keeper_step(w, i, PLACE_EV_DEAD) == PLACE_DO_REST)
		send(&w->to_front, KNOWN, i, 0, 0);
}

static inline void
keeper_want(struct world *w, uint8_t i, uint8_t ref)
{
	struct world_model *m = &w->m[i];

	if (m->n_refs == REFS)
		abort();
	m->refs[m->n_refs++] = ref;
	if (m->place != PLACE_IN)
		(void)keeper_step(w, i, PLACE_EV_WANT);
	else if (m->worker == READY)
		answer_all(w, i, UP);
}

static inline void
keeper_unwant(struct world *w, uint8_t i, uint8_t ref)
{
	struct world_model *m = &w->m[i];

	for (uint8_t k = 0; k < m->n_refs; k++) {
		if (m->refs[k] != ref)
			continue;
		memmove(m->refs + k, m->refs + k + 1, REFS - 1u - k);
		m->refs[REFS - 1] = 0;
		if (--m->n_refs == 0)
			(void)keeper_step(w, i, PLACE_EV_UNWANT);
		return;
	}
}

static inline void
keeper_let_go(struct world *w, uint8_t i)
{
	if (keeper_step(w, i, PLACE_EV_LET_GO) == PLACE_DO_STOP)
		w->m[i].worker = LEAVING;
	send(&w->to_front, KNOWN, i, 0, 0);
}

static inline void
keeper_hears(struct world *w)
{
	struct mail l = receive(&w->to_keeper);

	if (l.what == WANT)
		keeper_want(w, l.model, l.ref);
	else if (l.what == UNWANT)
		keeper_unwant(w, l.model, l.ref);
	else
		keeper_let_go(w, l.model);
}

/* modelroom.c's turn. */
static inline void
keeper_turn(struct world *w)
{
	struct table t;
	struct place *p;

	load_table(w, &t);
	while ((p = room_first(&t.room)) != NULL) {
		(void)room_step(&t.room, p, PLACE_EV_ROOM, 0);
		start_worker(&w->m[p - t.place]);
		w->must = 0; /* another is first, who has not waited long */
	}
	w->must &= !list_empty(&t.room.line);
	store_table(w, &t);
	if ((uint8_t)room_total(&t.room) == w->total && w->must == w->said_must)
		return;
	w->total = (uint8_t)room_total(&t.room);
	w->said_must = w->must;
	send(&w->to_front, ROOM, w->must, 0, w->total);
}

/* Another front: it hears of every model. */
static inline void
keeper_greets(struct world *w)
{
	w->n_let_go = w->total = w->said_must = 0;
	for (uint8_t i = 0; i < w->n; i++) {
		struct world_model *m = &w->m[i];

		memset(m->refs, 0, sizeof(m->refs));
		m->n_refs = 0;
		(void)keeper_step(w, i, PLACE_EV_UNWANT);
		m->has_channel = 0;
		if (m->place != PLACE_IN)
			send(&w->to_front, KNOWN, i, 0, 0);
		else if (m->worker == READY)
			answer_all(w, i, UP);
	}
}

#endif
