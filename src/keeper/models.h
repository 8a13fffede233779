/*
 * models - the models that this keeper knows, who uses them, and one worker
 * for each.
 *
 * A model of the configuration stays for ever; one that is listed (of
 * --models-dir) stays from its first user on. One that a client names by a path
 * is loaded at its first user and unloaded after its last. Users are the
 * front's: when it dies they are forgotten.
 */
#ifndef KEEPER_MODELS_H
#define KEEPER_MODELS_H

#include "base/loop.h"
#include "conf/conf.h"
#include "keeper/obituary.h"
#include "wire/msg.h"

#include <sys/types.h>

struct cachedir;
struct memory;
struct models;

struct models_ops {
	/* Sends a MODEL_STATE to the front, if there is one. fd rides along
	 * and is not taken. False when there was nobody to send it to. */
	bool (*to_front)(void *arg, const struct model_state *st, int fd);
	/* The same for a MODEL_ATTACHED. */
	void (*attached)(void *arg, const struct model_attached *a);
	void (*saved)(void *arg, const struct model_saved *s);
	void (*loading)(void *arg, const struct model_loading *l);
	/* A ROOM_WANTED; false when there was nobody to send it to. */
	bool (*room)(void *arg, const struct room_wanted *w);
	/* A worker died; takes words. */
	void (*bury)(void *arg, struct obituary *o, int words);
	/* Something changed: models_ready(), models_failed() or
	 * models_gone() may now say otherwise. */
	void (*on_change)(void *arg);
};

/* memory: of the workers; cachedir: of clients. Both outlive it. exe: the worker's executable, probe: bulkhead-probe or ""; env: all of their environment. These, and conf,
 * must outlive it. 0 or ERR_NOMEM. What is served comes by models_take(). */
int models_new(struct loop *l, const struct conf *conf, const char *exe,
    const char *probe, char *const *env, struct memory *memory,
    struct cachedir *cachedir, const struct models_ops *ops, void *arg,
    struct models **ret, struct fail *f) MUST_CHECK;

/* NULL is allowed. Kills what is left. */
void models_free(struct models *all);

/* From now on files of listed models are looked into. */
void models_look_in(struct models *all);

/* Starts the workers of the configuration's models. */
void models_start(struct models *all);

/* What the front says: MODEL_WANT and so on. */
void models_want(struct models *all, const struct model_want *w);
void models_unwant(struct models *all, uint32_t ref);
void models_let_go(struct models *all, const struct model_let_go *g);
void models_drop(struct models *all, uint32_t id);
void models_broken(struct models *all, uint32_t id);
void models_waiting(struct models *all, uint32_t id);

/* MODEL_ATTACH and MODEL_DETACH. */
void models_attach(struct models *all, const struct model_attach *w);
void models_detach(struct models *all, const struct model_detach *d);

/* SIGIO came: somebody wants to write to a file that is served. */
void models_look_at_files(struct models *all);

/* A client has set what a model's adapters weigh. */
void models_scales(struct models *all, const struct model_scales *s);

/* The front found out that a request killed its workers. */
void models_pardon(struct models *all, const struct model_pardon *c);

/* A new front is to be told everything; and: the front is gone. */
void models_greet(struct models *all, pid_t front);
void models_forget_front(struct models *all);

/* Whether that is one of the workers. */
bool models_own(const struct models *all, pid_t pid);

/* Stops every worker, in a hurry: now. Ends in models_gone(). */
void models_stop(struct models *all, bool hurry);

/* The name of the first model; "" if there is none. */
const char *models_default(const struct models *all);

/* Whether every model of the configuration is up. */
bool models_ready(const struct models *all);

/* Whether one of them has failed, and why. */
bool models_failed(const struct models *all, struct fail *ret);

/* Whether none is left that could still leave. */
bool models_gone(const struct models *all);

#endif
