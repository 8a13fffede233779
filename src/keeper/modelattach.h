/*
 * modelattach - what clients attach to a model: between keeper/attach.h and
 * the model's worker and front.
 */
#ifndef KEEPER_MODELATTACH_H
#define KEEPER_MODELATTACH_H

#include "base/err.h"
#include "wire/chan.h"

#include <stdbool.h>

struct model;
struct models;
struct process;

/* Of those that are not leaving; NULL: none has that id. */
struct model *models_by_id(const struct models *all, uint32_t id);

void modelattach_init(struct model *m);

/* The worker that is there was told of its model. */
void modelattach_give(struct model *m);

/* A WORKER_ATTACHED or WORKER_SAVED: 0, or ERR_PROTO. */
int modelattach_on_frame(struct model *m, struct frame *f) MUST_CHECK;
int modelattach_on_saved(struct model *m, struct frame *f) MUST_CHECK;

/* The worker is dead: notes what of, before its obituary is written. outside:
 * somebody else's SIGKILL. True: it is none of its requests' doing. */
bool modelattach_examine(struct model *m, struct process *p, bool outside);

/* The same worker; now the obituary has an id. */
void modelattach_on_death(struct model *m, const char *what);

/* There will be no worker. */
void modelattach_fail(struct model *m);

#endif
