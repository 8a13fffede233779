/*
 * model - the front's view of one model: its worker's channel, the generations
 * that wait and those that run.
 */
#ifndef FRONT_MODEL_H
#define FRONT_MODEL_H

#include "base/list.h"
#include "base/loop.h"
#include "front/queue.h"
#include "front/stay.h"
#include "front/want.h"
#include "wire/chan.h"

struct front;
struct model;
struct origin;
struct want;

struct model {
	struct list link; /* in front->models */
	struct front *front;
	struct model_state state; /* the keeper's last word; strings in mem */
	void *mem;
	struct origin *origin; /* of its worker; NULL: not known yet */
	struct chan *chan;     /* to the worker; NULL while there is none */
	uint32_t worker_pid;   /* who is at its other end, or was */
	struct watch *watch;
	struct timer *more;	/* frames are left for the next turn */
	struct timer *patience; /* to look whether the worker is silent */
	struct timer *later;	/* until a suspect was waited for enough, or
				 * what could not be sent is tried again */
	uint64_t heard_ms;	/* when it last sent something */
	uint64_t state_ms;	/* when the keeper said what is in state */
	struct queue queue;	/* struct ticket that have no slot */
	struct queue asides;	/* the same, of those that need none */
	struct list inside;	/* struct ticket that the worker has */
	struct list active;	/* struct gen that the worker has */
	struct list attached;	/* struct attached: clients' files */
	uint32_t n_active;
	uint32_t n_asides;   /* of these, that have no slot */
	uint64_t service_ms; /* running mean of how long a slot is taken */
	uint64_t tokens;     /* generated, in this front's life */
	bool is_turn_of_new; /* not of one that gave its slot away */
	/* letgo.h */
	struct stay stay;
	struct list letting; /* in front->letting, or alone */
	struct timer *idle;  /* until it is let go for being idle, or, while
			     * it is being unloaded, what runs is ended */
	uint32_t n_gens;     /* in any state */
	uint32_t n_users;    /* model_want()s that got it */
	uint64_t used;	     /* when it was last of use, in an order */
	uint64_t used_ms;    /* and by the clock */
	uint64_t up_ms;	     /* when it was loaded */
	uint64_t n_loads;    /* in this front's life */
	uint32_t percent;    /* loaded, as the keeper says */
	const char *told;    /* feed.h: its word; NULL: none yet */
	bool has_failed;     /* and whether that was for FAILED */
	bool was_busy;	     /* when it was looked at last */
	bool is_empty;	     /* it was retired, and the keeper told so */
	bool is_unloading;   /* because a client asked for it */
};

/* A model by the name that requests use: its name, its path, or "" or NULL
 * for the default. NULL if there is none. */
struct model *model_find(const struct front *f, struct str name);

struct model *model_by_id(const struct front *f, uint32_t id);

/* The keeper said something about a model: a MODEL_STATE frame, whose
 * descriptor is taken. 0, ERR_PROTO or ERR_NOMEM. */
int model_on_state(struct front *f, struct frame *fr) MUST_CHECK;

/* Whether a request would only hear that it is FAILED; false too when such a
 * request has the keeper try it again. */
bool model_is_out(const struct model *m);

/* Why a model that is FAILED cannot be had, and when it can be tried again.
 * Returns ret's code, never 0. */
int model_failure(const struct model *m, struct fail *ret);

/* Sends queued generations while there are free slots. */
void model_dispatch(struct model *m);

/* Asks the keeper for it, if somebody waits for it and it may be asked. */
void model_ask(struct model *m);

/* Its worker is nobody's any more: the channel is closed. */
void model_close(struct model *m);

/* Drops every model, for the end of the process. */
void model_free_all(struct front *f);

/* One model_want() that was answered with m is over. */
void model_drop(struct model *m);

#endif
