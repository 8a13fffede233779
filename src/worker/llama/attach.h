/*
 * attach - files that come to the llama engine while it runs.
 */
#ifndef WORKER_LLAMA_ATTACH_H
#define WORKER_LLAMA_ATTACH_H

#include "worker/engine.h"

/* As engine.h's attach and detach. */
int attach_add(struct engine *e, const struct worker_attach *a, int fd,
    struct fail *why) MUST_CHECK;
void attach_remove(struct engine *e, uint32_t id);

/* A generation ended: frees what only it still had. */
void attach_sweep(struct engine *e);

#endif
