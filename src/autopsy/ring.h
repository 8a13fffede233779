/*
 * ring - the folder of obituaries, which never holds more than its limits say.
 */
#ifndef AUTOPSY_RING_H
#define AUTOPSY_RING_H

#include "base/buf.h"

struct ring {
	int dir;
	uint32_t files_max;
	uint32_t bytes_max;
};

/* Opens the folder, and makes it, for its user alone. ERR_FILE with the path
 * and the reason in f. */
int ring_open(struct ring *r, struct str path, struct fail *f) MUST_CHECK;
void ring_close(struct ring *r);

/* Writes id.json, under another name until it is whole; the same again
 * replaces it. Before, the oldest go, as many as the limits want. ERR_FILE
 * with the reason in f. */
int ring_put(struct ring *r, const char *id, const struct buf *text,
    struct fail *f) MUST_CHECK;

#endif
