/*
 * files - what the keeper has opened for a worker: a model and its adapters.
 */
#ifndef WORKER_FILES_H
#define WORKER_FILES_H

#include "wire/msg.h"

struct adapter_file {
	int fd;
	char *path; /* for messages */
};

struct files {
	int model; /* the owner's to close */
	struct adapter_file adapters[WORKER_ADAPTERS_MAX];
	uint32_t n_adapters;
	int parts[WORKER_PARTS_MAX]; /* of the model, but for the first */
	uint32_t n_parts;
};

/* Takes over fd, also when it fails: 0, ERR_PROTO for an id that is not the
 * next one, ERR_NOMEM. */
int files_add(struct files *f, const struct worker_adapter *a, int fd)
    MUST_CHECK;

int files_add_part(struct files *f, const struct worker_part *p, int fd)
    MUST_CHECK;

/* Closes adapters and parts, and forgets them. */
void files_done(struct files *f);

#endif
