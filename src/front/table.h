/*
 * table - things found by an id that is never used twice.
 *
 * The low bits of an id are a place, the rest a count that only grows: an id
 * of something that is gone finds nothing, and a look costs the same however
 * many there are. Low places are used first.
 */
#ifndef FRONT_TABLE_H
#define FRONT_TABLE_H

#include "base/err.h"

#include <stdint.h>

#define TABLE_MAX (1u << 20) /* things at once */

struct table;

/* NULL: out of memory. */
struct table *table_new(void);

/* NULL is allowed. Does not touch the things. */
void table_free(struct table *t);

/* Gives thing an id (never 0). 0, ERR_NOMEM, or ERR_BUSY when full. */
int table_add(struct table *t, void *thing, uint64_t *ret_id) MUST_CHECK;

/* NULL if there is none. */
void *table_get(const struct table *t, uint64_t id);

/* id must be there. */
void table_remove(struct table *t, uint64_t id);

#endif
