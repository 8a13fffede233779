/*
 * modelguard - keeps a model's worker and who writes to its file apart.
 */
#ifndef KEEPER_MODELGUARD_H
#define KEEPER_MODELGUARD_H

#include "base/err.h"

struct model;

/* Somebody is about to change the file, or may have done so: then its worker
 * ends before anything of the new one is read, and its streams do unless it
 * turns out to be what it was. */
void modelguard_look(struct model *m);

/* Whether a new worker may have the file: 0; ERR_AGAIN: not yet, and
 * modelguard_look() gives it; else m->fail says why not. */
int modelguard_claim(struct model *m) MUST_CHECK;

#endif
