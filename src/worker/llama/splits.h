/*
 * splits - a model that lies in several files, as one file.
 *
 * libllama finds further files by their paths, which a worker may not open. So
 * it is given one that does not exist: a stream that begins with a head made of
 * those of all parts, and goes on with their tensors, which are read from where
 * they lie as it comes to them. It cannot be mapped.
 */
#ifndef WORKER_LLAMA_SPLITS_H
#define WORKER_LLAMA_SPLITS_H

#include "base/err.h"

#include <stdint.h>
#include <stdio.h>

/* fds: of all parts in their order, the caller's for as long as the stream is
 * open. path: of the first, for messages. *ret is closed with fclose(3). 0;
 * ERR_NOMEM; ERR_LOAD_FAILED with one line. */
int splits_open(const int *fds, uint32_t n, const char *path, FILE **ret,
    struct fail *f) MUST_CHECK;

#endif
