/*
 * digest - SHA-256, of memory, of files and of what makes a model's file the
 * one that it is.
 */
#ifndef WORKER_DIGEST_H
#define WORKER_DIGEST_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32u /* bytes */

struct progress;

/* p (NULL is allowed) is bumped with each MiB. */
void digest_memory(
    const void *data, size_t n, struct progress *p, uint8_t ret[DIGEST_SIZE]);

/* Of the first n bytes of fd: 0, or ERR_IO where there are not so many. */
int digest_file(int fd, uint64_t n, struct progress *p,
    uint8_t ret[DIGEST_SIZE]) MUST_CHECK;

/* Of a GGUF file's size, its first MiB (the header, or the most of it), its
 * last bytes, and samples in between: whatever its name and times. It costs
 * some 2 MiB to be read, of however many. 0 or ERR_IO. */
int digest_sample(int fd, uint8_t ret[DIGEST_SIZE]) MUST_CHECK;

#endif
