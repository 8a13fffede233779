/*
 * constant - what clients ask before anything else: defaults and enums.
 */
#ifndef FRONT_RPC_CONSTANT_H
#define FRONT_RPC_CONSTANT_H

#include "front/rpc/method.h"

void constant_default_param(struct call *c, const struct args *a);
void constant_get(struct call *c, const struct args *a);

#endif
