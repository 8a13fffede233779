/*
 * pace - how long the units of a worker's work take, and what the keeper is
 * told of it on the progress page before each: see keeper/pulse.h for what it
 * makes of that.
 */
#ifndef WORKER_PACE_H
#define WORKER_PACE_H

#include "wire/progress.h"

#include <stdint.h>

struct pace {
	struct progress *p;	       /* or NULL */
	double p99_us;		       /* of chunks and steps; 0: none yet */
	double rate_us[PHASE_NPHASES]; /* per piece of a unit; 0: none yet */
	double first_us;	       /* a step when nothing is known */
	enum progress_phase phase;     /* of the unit under way ... */
	uint64_t n;		       /* ... its pieces ... */
	uint64_t begun_us;	       /* ... and when it began */
};

/* Goes on from what the page says of the process before. size: bytes of the
 * model, which a first step may have to read from a disk. p may be NULL. */
void pace_init(struct pace *t, struct progress *p, uint64_t size);

/* A unit of n pieces begins: tokens of a prompt, sequences of a step, KiB of a
 * request. */
void pace_begin(struct pace *t, enum progress_phase phase, uint64_t n);

/* It is done. Returns how long it took, in microseconds. */
uint64_t pace_end(struct pace *t);

#endif
