/*
 * private - a server for one command: started on a socket in a folder of its
 * own, stopped and swept away at the end.
 */
#ifndef CLI_PRIVATE_H
#define CLI_PRIVATE_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct private
{
	pid_t pid; /* 0: none */
	char folder[64];
	char socket[80];
};

/* Starts `bulkhead serve` for a model (NULL: the default) and waits until it
 * is ready. 0; ERR_AGAIN: a signal came first; ERR_IO with the reason in f: the
 * server has said more on standard error. */
int private_start(struct private *p, const char *model, char *const envp[],
    struct fail *f) MUST_CHECK;

/* Harmless without a server. */
void private_stop(struct private *p);

#endif
