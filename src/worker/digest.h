/*
 * digest - SHA-256, of memory, of files and of what makes a model's file the
 * one that it is.
 */
#ifndef WORKER_DIGEST_H
#define WORKER_DIGEST_H

#include "base/err.h"

#include <stdbool.h>
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

/* A file whose digest_sample() is made when somebody asks for it. All zeros: none
 * is open. */
struct digested {
	int fd;
	bool is_made;
	uint8_t value[DIGEST_SIZE];
};

/* fd stays the caller's. */
void digested_open(struct digested *d, int fd);
void digested_close(struct digested *d);

/* DIGEST_SIZE bytes; NULL: the file cannot be read. */
const uint8_t *digested_value(struct digested *d);

#endif
