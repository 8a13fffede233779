/*
 * modelroom - has models wait for room and makes it: what room.h decides is done
 * here. Only those whose names begin with "model" include this.
 */
#ifndef KEEPER_MODELROOM_H
#define KEEPER_MODELROOM_H

#include "base/err.h"
#include "keeper/room.h"

struct model;
struct models;

/* 0 or ERR_NOMEM. */
int modelroom_init(struct models *in) MUST_CHECK;
void modelroom_done(struct models *in);

/* How m is held, and what it needs, are as they are now. */
void modelroom_note(struct model *m);

/* Whether another of path's file (its size: bytes) may be had, be it later. 0;
 * ERR_BUSY where clients would have to leave first, else ERR_FULL. */
int modelroom_check(const struct models *in, const char *path, uint64_t bytes,
    struct fail *f) MUST_CHECK;

/* Somebody wants m, which has no place: it waits for one. 0, or as
 * modelroom_check(). */
int modelroom_want(struct model *m, struct fail *f) MUST_CHECK;

/* The last who waited for m does not any more. */
void modelroom_unwant(struct model *m);

/* m has its place at once, whatever there is room for: of the command line. */
void modelroom_seat(struct model *m);

/* m is to have no worker any more; true if its worker has to be stopped for
 * it. */
bool modelroom_let_go(struct model *m);

/* m has no worker, and none comes. */
void modelroom_dead(struct model *m);

/* m is about to be freed. */
void modelroom_forget(struct model *m);

/* Another front begins. */
void modelroom_new_front(struct models *in);

#endif
