/*
 * attach - files that clients have beside a model: asked of the keeper, held
 * while somebody uses them, given back.
 */
#ifndef FRONT_ATTACH_H
#define FRONT_ATTACH_H

#include "base/list.h"
#include "wire/chan.h"

#include <stdbool.h>

struct front;
struct model;

/* One that the model's worker has, and each worker after it. */
struct attached {
	struct list link;    /* in model->attached */
	struct model *model; /* NULL: it was unloaded */
	uint32_t id;	     /* what a worker calls it */
	uint32_t refs;
	struct fail lost;    /* why it is there no more; code 0: it is */
	bool is_saved;	     /* of ATTACH_SAVE: what is to come of it has */
	struct fail verdict; /* then; code 0: the file is there */
	void (*on_saved)(void *arg); /* called then; or NULL. It may drop it */
	void *arg;
};

/* Asking for one. */
struct attach;

/* Exactly one call, later: one is there, and a reference to it the callee's;
 * or it is NULL and why says. */
typedef void (*attach_fn)(
    void *arg, struct attached *one, const struct fail *why);

/* NULL: out of memory. path: as the client named it. */
struct attach *attach_ask(struct model *m, enum attach_kind kind,
    struct str path, attach_fn fn, void *arg);

/* The asker is going away: no call will come. NULL is allowed. */
void attach_cancel(struct attach *a);

/* One reference more; with the last less it is given back. NULL is allowed. */
struct attached *attached_hold(struct attached *one);
void attached_drop(struct attached *one);

/* The keeper's MODEL_ATTACHED: 0 or ERR_PROTO. */
int attach_on_frame(struct front *f, struct frame *fr) MUST_CHECK;

/* The keeper's MODEL_SAVED: 0 or ERR_PROTO. */
int attach_on_saved(struct front *f, struct frame *fr) MUST_CHECK;

/* How many different files clients have beside m. */
uint32_t attach_count(const struct model *m);

/* m is going. */
void attach_forget(struct model *m);

/* At the end of the process: nobody is answered. */
void attach_free_all(struct front *f);

#endif
