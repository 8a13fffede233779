/*
 * run - a generation of a client and the replies that stream from it.
 */
#ifndef FRONT_RPC_RUN_H
#define FRONT_RPC_RUN_H

#include "front/rpc/method.h"

/* rkllm.run: the stream is the reply. In a batch, where each request gets one
 * reply in the array, it is answered there as run_async is. */
void run_sync(struct call *c, const struct args *a);
void run_async(struct call *c, const struct args *a);

void run_abort(struct call *c, const struct args *a);
void run_is_running(struct call *c, const struct args *a);

/* Asks for the end of all; each still gets its last reply. */
void run_cancel_all(struct rpc *r);

/* The client reads too slowly or has caught up, or a line begins or ends:
 * whoever has to wait is parked. */
void run_park_some(struct rpc *r);

/* The client is gone. */
void run_drop_all(struct rpc *r);

#endif
