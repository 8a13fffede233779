/*
 * modelneed - how much memory a model takes, before it has any, and how much
 * there is for all of them. Only those whose names begin with "model" include
 * this.
 *
 * Before a file was ever loaded it is a guess from its size; afterwards what
 * its workers took. What there is, --memory-limit says; without it that is
 * what the machine, or our control group, could still give if no worker of
 * ours were there, looked at each time that somebody wants room.
 */
#ifndef KEEPER_MODELNEED_H
#define KEEPER_MODELNEED_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct model;
struct models;

/* Between two looks while somebody waits. */
#define MODELNEED_LOOK_MS 1000u

/* Of a file of so many bytes that nothing is known of. */
uint64_t modelneed_guess(const struct models *in, uint64_t bytes);

/* Of m, as far as it is known. */
uint64_t modelneed_of(const struct model *m);

/* Its worker is about to end: what it has taken is kept. */
void modelneed_measure(struct model *m, pid_t pid);

/* Sees how much there is: in->room.limit. */
void modelneed_look(struct models *in);

/* The error for a model that needs so much, and for whom there is no room. */
int modelneed_refuse(const struct models *in, const char *path, uint64_t need,
    bool for_clients, struct fail *f);

/* Says so where one of the command line needs more than there is. */
void modelneed_warn(struct model *m);

#endif
