/*
 * setup - what a client sets for its runs to come: its template, its tools.
 */
#ifndef FRONT_RPC_SETUP_H
#define FRONT_RPC_SETUP_H

#include "front/rpc/method.h"

/* What the methods take. */
extern const struct shape shape_template;
extern const struct shape shape_tools;

void setup_template(struct call *c, const struct args *a);
void setup_tools(struct call *c, const struct args *a);

#endif
