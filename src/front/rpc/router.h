/*
 * router - bulkhead.load and bulkhead.unload: which models are loaded, whatever
 * the client has itself.
 */
#ifndef FRONT_RPC_ROUTER_H
#define FRONT_RPC_ROUTER_H

#include "front/rpc/fields.h"
#include "front/rpc/method.h"

extern const struct shape shape_model_name;

/* Answered when the model is up, or cannot be had. */
void router_load_call(struct call *c, const struct args *a);

/* Answered at once: what runs may end within --unload-timeout. */
void router_unload_call(struct call *c, const struct args *a);

#endif
