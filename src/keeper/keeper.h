/*
 * keeper - process 1: starts, watches and buries the others.
 */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include "conf/conf.h"

/* Serves until it is told to stop. envp may be NULL. The exit status: 0 when it
 * was told to stop, 1 when it could not start. Says why on standard error. */
int keeper_run(struct conf *conf, char *const envp[]);

#endif
