/*
 * modelparts - the further files of a model that lies in several, which the name
 * of the first one tells. They are opened when its worker is to get them.
 */
#ifndef KEEPER_MODELPARTS_H
#define KEEPER_MODELPARTS_H

#include "base/buf.h"
#include "keeper/modelfile.h"

struct process;

struct modelparts {
	struct modelfile *v; /* but for the first */
	uint32_t n;
};

/* Bytes of all of them together, as far as they are there; 0 where path is no
 * first part. */
uint64_t modelparts_bytes(const char *path);

/* Opens them, or looks whether they are still what they were when they were
 * opened. path: of the first. 0; ERR_NOMEM; ERR_FILE. */
int modelparts_claim(struct modelparts *p, const char *path, struct fail *f)
    MUST_CHECK;

/* Whether they are still what they were: 0, else ERR_FILE. */
int modelparts_check(
    const struct modelparts *p, const char *path, struct fail *f) MUST_CHECK;

/* Gives them to a new worker, before its model. */
void modelparts_send(const struct modelparts *p, struct process *to);

/* Appends which files they are: see modelfile_id(). */
void modelparts_put_ids(const struct modelparts *p, struct buf *to);

void modelparts_close(struct modelparts *p);

#endif
