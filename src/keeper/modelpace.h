/*
 * modelpace - tells the front how far the models that load are. Only those whose
 * names begin with "model" include this.
 */
#ifndef KEEPER_MODELPACE_H
#define KEEPER_MODELPACE_H

#include "base/err.h"

struct models;

/* 0 or ERR_NOMEM. */
int modelpace_init(struct models *in) MUST_CHECK;
void modelpace_done(struct models *in);

/* One begins to load. */
void modelpace_begin(struct models *in);

#endif
