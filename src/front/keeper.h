/*
 * keeper - the front's end of the channel to the keeper.
 */
#ifndef FRONT_KEEPER_H
#define FRONT_KEEPER_H

struct front;

/* Takes over fd. 0 or ERR_NOMEM. */
int keeper_open(struct front *f, int fd) __attribute__((warn_unused_result));

void keeper_close(struct front *f);

#endif
