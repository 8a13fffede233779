/*
 * reload - bulkhead.reload: the configuration is read anew.
 */
#ifndef FRONT_RPC_RELOAD_H
#define FRONT_RPC_RELOAD_H

#include "front/rpc/method.h"

void reload_call(struct call *c, const struct args *a);

#endif
