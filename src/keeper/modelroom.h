/*
 * modelroom - how many models may be loaded: --models-max.
 */
#ifndef KEEPER_MODELROOM_H
#define KEEPER_MODELROOM_H

#include "base/err.h"

struct models;

/* Whether one more may be: 0; ERR_BUSY where one that is may leave, else
 * ERR_FULL. path is its file. */
int modelroom_check(const struct models *in, const char *path, struct fail *f)
    MUST_CHECK;

#endif
