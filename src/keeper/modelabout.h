/*
 * modelabout - what a worker said of its model, kept for whoever asks later: the
 * frame that it came in goes with the worker.
 */
#ifndef KEEPER_MODELABOUT_H
#define KEEPER_MODELABOUT_H

#include "wire/msg.h"

struct model;

/* Nothing is known yet. buf_done(&m->texts) frees what is kept. */
void modelabout_init(struct model *m);

/* Keeps r, whose texts may point anywhere, in m->about. Where there is no memory
 * for them they are empty. */
void modelabout_keep(struct model *m, const struct worker_ready *r);

#endif
