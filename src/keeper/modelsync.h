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

/* What a reload has done. */
struct model_changes {
	uint32_t n_added;
	uint32_t n_changed;
	uint32_t n_replaced; /* of these: while somebody had them */
	uint32_t n_removed;
};

/* Whether the files of --model that the catalog names anew can be opened: 0, or
 * ERR_FILE. */
int models_check(const struct models *all, const struct catalog *c,
    struct fail *f) MUST_CHECK;

/* Makes the models those of the catalog, which are taken out of it. One that is
 * not in it any more, or is another there, runs on for those who have it and is
 * nobody else's. 0 or ERR_NOMEM. */
int models_reload(struct models *all, struct catalog *c,
    struct model_changes *ret, struct fail *f) MUST_CHECK;

/* The front: nobody has that one any more, which was removed. */
void models_empty(struct models *all, uint32_t id);

/* Opens its adapters, as they are now. */
int modelsync_adapters(struct model *m, struct fail *f) MUST_CHECK;

#endif
