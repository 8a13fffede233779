/*
 * keeper - process 1: starts, watches and buries the others.
 */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include "conf/conf.h"

/* Serves until it is told to stop. conf is what argc words (argv NULL: none) and
 * envp (NULL: none) say, which also help to find the other executables and are
 * read anew at SIGHUP. The exit status, of base/status.h. Says
 * on standard error why it is not 0. */
int keeper_run(
    struct conf *conf, int argc, char *const argv[], char *const envp[]);

#endif
