/*
 * jaillog - says in the log what a child's jail holds and what is missing.
 */
#ifndef KEEPER_JAILLOG_H
#define KEEPER_JAILLOG_H

#include "base/err.h"
#include "jail/jail.h"

/* One line for each kind of process, again only when there is news. name must
 * live as long as the process. */
void jail_log(const char *name, const struct jail_report *r);

/* Whether every layer can be had here; for --jail require. 0, or
 * ERR_UNSUPPORTED with what is missing in f. */
int jail_check(bool core, struct fail *f) MUST_CHECK;

#endif
