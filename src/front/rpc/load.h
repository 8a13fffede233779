/*
 * load - a client's model: init and destroy.
 *
 * A client has one model or none. An init puts the new one in its place only
 * when it is up, so a failed init costs nothing; a destroy ends the client's
 * runs first. Models are shared: what goes is this client's use.
 */
#ifndef FRONT_RPC_LOAD_H
#define FRONT_RPC_LOAD_H

#include "front/rpc/method.h"

void load_init(struct call *c, const struct args *a);
void load_destroy(struct call *c, const struct args *a);

/* The last run ended: a destroy that waited for it goes on. */
void load_on_idle(struct rpc *r);

/* The server is stopping: an init that waits is answered. */
void load_stop(struct rpc *r);

/* The client is gone: what it has and what it waits for is dropped. */
void load_drop(struct rpc *r);

#endif
