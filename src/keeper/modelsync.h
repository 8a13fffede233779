/*
 * modelsync - makes the models that there are those that the configuration
 * names.
 */
#ifndef KEEPER_MODELSYNC_H
#define KEEPER_MODELSYNC_H

#include "keeper/catalog.h"

struct model;
struct models;

/* Takes the models out of the catalog. Files of --model and their adapters are
 * opened, which a failure of ends it; nothing is started. 0, ERR_NOMEM,
 * ERR_INVALID or ERR_FILE. */
int models_take(struct models *all, struct catalog *c, struct fail *f)
    MUST_CHECK;

/* Opens its adapters, as they are now. */
int modelsync_adapters(struct model *m, struct fail *f) MUST_CHECK;

#endif
