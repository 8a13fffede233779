/*
 * quarantine - model files that killed their workers before one was ready, and
 * are left alone for a while: half a minute, then twice as long each time, up
 * to ten minutes.
 *
 * A file is known again by what is in it: its size, its beginning and its end.
 * So another name or a copy does not help, and a mended file is tried at once.
 * Whoever mends only the middle of a file waits for the next try.
 */
#ifndef KEEPER_QUARANTINE_H
#define KEEPER_QUARANTINE_H

#include "keeper/modelfile.h"

#include <stdint.h>

#define QUARANTINE_HOW 160u /* bytes */

struct quarantine;

/* NULL if out of memory. The first pause and the longest, in ms. */
struct quarantine *quarantine_new(uint32_t first_ms, uint32_t longest_ms);

/* NULL is allowed. */
void quarantine_free(struct quarantine *q);

/* The file has killed workers: it is left alone now. how: of what, for people;
 * cut at QUARANTINE_HOW. Without memory or a readable file nothing is kept. */
void quarantine_add(struct quarantine *q, const struct modelfile *file,
    const char *how, uint64_t now_ms);

/* It has been served: all is forgiven. */
void quarantine_forgive(struct quarantine *q, const struct modelfile *file);

/* For how many ms it is left alone still; 0: it is not. */
uint32_t quarantine_left(
    const struct quarantine *q, const struct modelfile *file, uint64_t now_ms);

/* 0 if the file may be tried, else ERR_LOAD_FAILED with what it did, and when it
 * is tried again. path: its name now. */
int quarantine_check(const struct quarantine *q, const struct modelfile *file,
    const char *path, uint64_t now_ms, struct fail *f) MUST_CHECK;

#endif
