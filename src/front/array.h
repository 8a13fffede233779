/*
 * array - numbers that a client gets as memory: a memfd, filled as they come,
 * sealed and passed beside the reply that tells of it. They are text nowhere.
 *
 * What has been passed is the client's. Until then it counts against
 * --array-max; a client alone gets at most half of that.
 */
#ifndef FRONT_ARRAY_H
#define FRONT_ARRAY_H

#include "base/list.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct client;
struct front;

struct array {
	struct list link; /* among those that wait to be passed */
	uint64_t at;	  /* ... with this byte of the output */
	struct front *front;
	struct client *client;
	int fd;
	uint64_t used;	 /* bytes in it */
	uint64_t counts; /* against the limit */
};

/* For up to that many bytes. NULL and *why: ERR_BUSY, ERR_TOO_BIG or
 * ERR_NOMEM. */
struct array *array_new(
    struct front *f, struct client *c, uint64_t bytes, struct fail *why);

/* The same for what goes as text: counts it. 0 and *why, or what
 * array_release() is to give back. */
uint64_t array_hold(
    struct front *f, struct client *c, uint64_t bytes, struct fail *why);
void array_release(struct front *f, struct client *c, uint64_t counts);

/* NULL is allowed. */
void array_free(struct array *a);

/* Behind what is in it. 0 or ERR_NOMEM. */
int array_put(struct array *a, const void *p, size_t n) MUST_CHECK;

/* Nobody can change it any more. 0 or ERR_IO. */
int array_seal(struct array *a) MUST_CHECK;

/*
 * Passing: a list of arrays, in the order of where they go.
 */

/* Sends up to n bytes, the first of which is the at-th of the output, as
 * send(2) would; and the array whose place that is, which is then gone. */
ssize_t arrays_send(
    struct list *waiting, int sock, const void *p, size_t n, uint64_t at);

void arrays_drop(struct list *waiting);

#endif
