/*
 * recover - what a new front does with the journal of the one before it.
 *
 * The streams of a dead front are lost for now: their connections died with
 * it, and their sequences are cancelled in the workers. What the journal has
 * of them is read and counted, so that it is known that they could be taken up.
 */
#ifndef FRONT_RECOVER_H
#define FRONT_RECOVER_H

#include "base/err.h"

struct front;

/* Takes over fd, the keeper's memfd, and makes it f's journal, empty. 0, or
 * ERR_NOMEM, or ERR_PROTO: it cannot be one. */
int recover(struct front *f, int fd) MUST_CHECK;

#endif
