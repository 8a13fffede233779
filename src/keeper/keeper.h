/*
 * keeper - process 1: starts, watches and buries the others.
 */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include "conf/conf.h"

/* Serves until it is told to stop. argv0 (NULL: none) and envp (NULL: none)
 * help to find the other executables. The exit status, of base/status.h. Says
 * on standard error why it is not 0. */
int keeper_run(struct conf *conf, const char *argv0, char *const envp[]);

#endif
