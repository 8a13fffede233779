/*
 * keys - the API keys of --api-key and --api-key-file: read here, because the
 * front opens no files, and told to each front as digests.
 *
 * A file's line has the name "line-N" where it gives none, and the N-th of
 * --api-key is "option-N".
 */
#ifndef KEEPER_KEYS_H
#define KEEPER_KEYS_H

#include "conf/conf.h"

struct keys;
struct process;

/* Empty: everybody may ask. NULL if out of memory. */
struct keys *keys_new(void);

/* NULL is allowed. */
void keys_free(struct keys *k);

/* Reads all of them, or leaves k as it was: 0; ERR_FILE, ERR_INVALID, ERR_NOMEM
 * with a line in f. Warns of a file that others can read. */
int keys_read(struct keys *k, const struct conf *c, struct fail *f) MUST_CHECK;

/* Tells a front. */
void keys_send(const struct keys *k, struct process *p);

/* For the log. */
size_t keys_count(const struct keys *k);

#endif
