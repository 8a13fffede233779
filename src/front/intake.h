/*
 * intake - one bound for all that clients are sending: bodies and messages that
 * are not whole yet, or that wait.
 *
 * Each connection holds INTAKE_FREE for nothing, so that ordinary requests go
 * on whatever others do. Beyond that what it holds is counted. A client gets no
 * more than is left free behind it: alone at most half of --input-max, and
 * whoever comes next finds half of the rest, however many came before.
 */
#ifndef FRONT_INTAKE_H
#define FRONT_INTAKE_H

#include "base/err.h"

struct client;
struct front;

#define INTAKE_FREE (64u * 1024) /* bytes of each connection not counted */
#define INTAKE_RETRY_MS 1000u

/*
 * A connection of c holds n bytes now; *share is what of it is counted, at
 * first 0. 0; or ERR_BUSY with *why, and *share is as it was: what it counted
 * for is still held, the rest has to go.
 */
int intake_hold(struct front *f, struct client *c, size_t *share, size_t n,
    struct fail *why) MUST_CHECK;

/* It holds nothing any more. */
void intake_drop(struct front *f, struct client *c, size_t *share);

#endif
