/*
 * front - the keeper's side of the front: starts it, tells it what it needs,
 * passes on what it asks, starts it again when it dies.
 */
#ifndef KEEPER_FRONT_H
#define KEEPER_FRONT_H

#include "base/loop.h"
#include "conf/conf.h"
#include "keeper/entry.h"
#include "keeper/listen.h"
#include "keeper/obituary.h"
#include "wire/msg.h"

#include <sys/types.h>

struct front;

struct front_ops {
	/* A new front wants to hear of every model now. */
	void (*greet)(void *arg, pid_t pid);
	void (*lost)(void *arg);
	void (*want)(void *arg, const struct model_want *w);
	void (*unwant)(void *arg, uint32_t ref);
	void (*let_go)(void *arg, const struct model_let_go *g);
	void (*drop)(void *arg, uint32_t model);
	void (*empty)(void *arg, uint32_t model);
	void (*reload)(void *arg, const struct reload_want *w);
	void (*broken)(void *arg, uint32_t model);
	void (*waiting)(void *arg, uint32_t model);
	void (*attach)(void *arg, const struct model_attach *a);
	void (*detach)(void *arg, const struct model_detach *d);
	void (*suspects)(void *arg, const struct model_suspects *s);
	/* One of them died; takes words. */
	void (*bury)(void *arg, struct obituary *o, int words);
	void (*pardon)(void *arg, const struct model_pardon *c);
	void (*scales)(void *arg, const struct model_scales *s);
	/* It has looked at the files of TLS: they are good, or not used. */
	void (*tls_seen)(void *arg, const struct front_tls_seen *s);
	/* front_state() may say something else now. */
	void (*on_change)(void *arg);
};

struct front_spec {
	const struct conf *conf;
	const char *exe;
	char *const *env;
	const struct listeners *listeners;
	const struct entry *entry; /* who may come in */
	uint32_t max_clients;	   /* what the descriptors allow */
	const char *cgroups;	   /* memory_about() */
	uint64_t started_unix;	   /* for people */
	uint64_t started_ms;	   /* for reckoning */
};

enum front_state {
	FRONT_STARTING, /* for the first time */
	FRONT_SERVING,	/* it has been ready; it may be restarting now */
	FRONT_HOPELESS, /* dies before it is ready, again and again */
	FRONT_DOWN,	/* stopped, as asked */
};

/* The spec's parts must outlive it. NULL if out of memory. */
struct front *front_new(struct loop *l, const struct front_spec *spec,
    const struct front_ops *ops, void *arg);

/* NULL is allowed. Kills it. */
void front_free(struct front *fr);

/* default_model: what requests without a model's name get. */
void front_start(struct front *fr, const char *default_model);

/* The listeners are about to be closed: nobody is let in any more. NULL is
 * allowed. */
void front_turn_away(struct front *fr);

/* Lets it end what runs, within --drain-timeout, in a hurry: now. Ends in
 * FRONT_DOWN. */
void front_drain(struct front *fr, bool hurry);

enum front_state front_state(const struct front *fr);

/* Tells it who may come in now. */
void front_tell_entry(struct front *fr);

/* Whether there is one that can be asked. */
bool front_is_up(const struct front *fr);

/* Whether that is its process. */
bool front_owns(const struct front *fr, pid_t pid);

/* False if there is no front. fd (or -1) is not taken. */
bool front_tell_model(struct front *fr, const struct model_state *st, int fd);
void front_tell_loading(struct front *fr, const struct model_loading *l);
bool front_tell_room(struct front *fr, const struct room_wanted *w);
void front_tell_saved(struct front *fr, const struct model_saved *s);
void front_tell_reloaded(struct front *fr, const struct reloaded *r);

/* Tells the configuration again, which has changed: the log's level and the
 * default model are taken from it. */
void front_configure(struct front *fr, const char *default_model);
void front_tell_attached(struct front *fr, const struct model_attached *a);

#endif
