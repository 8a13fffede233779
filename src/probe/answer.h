/*
 * answer - what a file's head says, as the keeper wants it.
 */
#ifndef PROBE_ANSWER_H
#define PROBE_ANSWER_H

#include "base/buf.h"

/* Reads the file that is open and appends a packed struct probe to b. jail: what
 * is said of the jail. Always an answer, but for buf_err(b). */
void answer_make(int fd, struct str jail, struct buf *b);

#endif
