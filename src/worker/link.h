/*
 * link - the worker's end of the channel to the front: its frames become
 * calls of the engine, the engine's events become frames.
 *
 * The tokens of one unit of compute go out in one frame. The front may die
 * and be replaced; what ran for the old one is forgotten.
 */
#ifndef WORKER_LINK_H
#define WORKER_LINK_H

#include "worker/engine.h"

#include "wire/chan.h"

struct link {
	struct chan *chan;   /* NULL: no front now */
	struct chan *keeper; /* not ours; NULL: not known yet */
	const struct engine_ops *ops;
	struct engine *engine;
	struct buf steps; /* tokens that go out with the next frame */
	bool is_broken;	  /* something was lost on the way: only another
			   * worker helps, with all to do again */
};

void link_init(struct link *l, const struct engine_ops *ops);
void link_done(struct link *l);

/* What to give to the engine's load. l must not move. */
struct engine_events link_events(struct link *l);

/* Goes on with a new front, whose channel is fd; takes fd over. 0 or
 * ERR_NOMEM. */
int link_open(struct link *l, int fd) MUST_CHECK;

/* Does what every frame says that has come whole. Never blocks. */
void link_take(struct link *l);

/* Sends the tokens that have been collected, and what still waits. */
void link_flush(struct link *l);

/* The front reads too slowly: compute nothing more for now. */
bool link_is_full(const struct link *l);

#endif
