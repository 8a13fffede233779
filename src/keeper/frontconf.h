/*
 * frontconf - what a front may use and must obey, of the settings.
 */
#ifndef KEEPER_FRONTCONF_H
#define KEEPER_FRONTCONF_H

#include "keeper/front.h"

struct process;

/* FRONT_CONFIG, the first message it gets. */
void frontconf_send(const struct front_spec *spec, const char *default_model,
    struct process *p);

#endif
