/*
 * origin - what computes a generation's tokens, in the journal once for all
 * that share it: the model, its file, and what the bits of its logits depend
 * on beside. Only a generation that goes on where its origin is the same can
 * have the bytes of an undisturbed run; where the file is another, it must not
 * go on at all.
 */
#ifndef FRONT_ORIGIN_H
#define FRONT_ORIGIN_H

#include "front/journal.h"

struct model;
struct origin;

/* That of m's worker as it is now, held by m. NULL if there is no room. */
struct origin *origin_now(struct model *m);

/* For struct journal_gen. */
uint32_t origin_slot(const struct origin *o);

bool origin_same_file(const struct origin *a, const struct origin *b);

/* One user more; the last that lets go frees it. NULL is allowed. */
struct origin *origin_hold(struct origin *o);
void origin_drop(struct origin *o);

#endif
