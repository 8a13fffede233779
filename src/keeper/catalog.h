/*
 * catalog - every model that the configuration names, wherever it does: read
 * anew as a whole, and taken or refused as a whole.
 *
 * No two answer to one name. In the order of lists: those of --model, then of
 * --models-dir, then of sections of --models-preset that name a file.
 */
#ifndef KEEPER_CATALOG_H
#define KEEPER_CATALOG_H

#include "keeper/modelspec.h"

#define CATALOG_MAX 4096u /* models */

struct catalog {
	struct list specs; /* struct modelspec */
	size_t n;
	/* By hashes of their names, those that were taken out too: many are
	 * looked for among many. */
	struct named *names;
	size_t n_names;
};

/* demo: what to serve where nothing is named; "": nothing. 0; ERR_NOMEM,
 * ERR_INVALID or ERR_FILE with one line in f. catalog_done() in any case. */
int catalog_read(const struct conf *c, const char *demo, struct catalog *ret,
    struct fail *f) MUST_CHECK;

/* Frees what was not taken out of it. */
void catalog_done(struct catalog *c);

/* The one of that name, not of another name of its own; or NULL. */
struct modelspec *catalog_find(const struct catalog *c, const char *name);

#endif
