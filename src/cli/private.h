/*
 * private - a server for one command: started on a socket in a folder of its
 * own, which is removed as soon as the command is connected.
 */
#ifndef CLI_PRIVATE_H
#define CLI_PRIVATE_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct private
{
	pid_t pid;	 /* 0: none */
	char folder[64]; /* "": removed */
	char socket[80];
};

/* Starts `bulkhead serve` for a model (NULL: the default) and waits until it
 * is ready. argv0 helps to find the executable. 0; ERR_AGAIN: a signal came first; ERR_IO with the reason in f: the
 * server has said more on standard error. */
int private_start(struct private *p, const char *argv0, const char *model,
    char *const envp[], struct fail *f) MUST_CHECK;

/* Removes folder and socket: nobody else is to connect, and however the command
 * dies, nothing stays. */
void private_hide(struct private *p);

/* Harmless without a server. */
void private_stop(struct private *p);

#endif
