/*
 * voice - a child's standard error, by a pipe: what was taken over can write
 * what it likes, but not fill a disk, forge a line of another process, or
 * speak to somebody's terminal.
 *
 * Each line is escaped and, unless it has it already, gets the child's name
 * and number. Beyond a rate nothing is read for a while; the child, whose end
 * never blocks, loses what does not fit into the pipe.
 */
#ifndef KEEPER_VOICE_H
#define KEEPER_VOICE_H

#include "base/loop.h"

#include <stdbool.h>
#include <sys/types.h>

struct voice;

/* talks: it may say more than others for ever. *ret_fd is the child's end, close-on-exec and the caller's. NULL if there
 * are no descriptors or no memory. name must outlive it. */
struct voice *voice_new(
    struct loop *l, const char *name, bool talks, int *ret_fd);

/* Lines are of this process from here on. */
void voice_of(struct voice *v, pid_t pid);

/* Passes on all that has come, the last line too if it is not whole: the
 * child is dead. NULL is allowed. */
void voice_end(struct voice *v);

/* NULL is allowed. */
void voice_free(struct voice *v);

#endif
