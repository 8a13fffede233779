/*
 * threads - how many threads compute a batch, and the pools they live in.
 *
 * More threads are not always faster: each operation of a graph ends at a
 * barrier, and where cores are shared with others it waits for a thread that
 * is not running. So the counts are measured, not guessed. They are part of
 * what makes a resume exact: once chosen they stay.
 */
#ifndef WORKER_LLAMA_THREADS_H
#define WORKER_LLAMA_THREADS_H

#include "worker/llama/model.h"

/* Sets both counts of a loaded model; 0 measures and chooses. Leaves the
 * cache empty. 0, ERR_NOMEM or ERR_INTERNAL. */
int threads_choose(struct model *m, uint32_t n_step, uint32_t n_chunk,
    struct progress *p) MUST_CHECK;

/* Makes the context compute with the threads of that kind. */
void threads_attach(struct model *m, enum batch_kind kind);

/* The pools; the context must be gone. */
void threads_free(struct model *m);

#endif
