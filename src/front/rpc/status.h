/*
 * status - bulkhead.status: processes, models, listeners.
 */
#ifndef FRONT_RPC_STATUS_H
#define FRONT_RPC_STATUS_H

#include "front/rpc/method.h"

/* Without parameters; needs no model. What the fields mean is in docs/RPC.md. */
void status_get(struct call *c, const struct args *a);

#endif
