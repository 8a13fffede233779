/*
 * setup - what a client sets for its runs to come: its template, its tools.
 */
#ifndef FRONT_RPC_SETUP_H
#define FRONT_RPC_SETUP_H

#include "front/rpc/method.h"

/* What the methods take. */
extern const struct shape shape_template;
extern const struct shape shape_tools;

/* Counts what is set now; where that would be too much it is as it was before
 * anything was set. 0 or ERR_BUSY. */
int setup_count(struct rpc *r, struct fail *why) MUST_CHECK;

/* All of it goes. */
void setup_forget(struct rpc *r);

void setup_template(struct call *c, const struct args *a);
void setup_tools(struct call *c, const struct args *a);

#endif
