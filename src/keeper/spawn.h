/*
 * spawn - fork and exec of one child, as docs/IPC.md says what it finds.
 */
#ifndef KEEPER_SPAWN_H
#define KEEPER_SPAWN_H

#include "base/err.h"
#include "jail/jail.h"

#include <stdbool.h>
#include <sys/types.h>

struct spawn {
	const char *exe;  /* path of the executable */
	const char *name; /* its argv[0], and for messages */
	char *const *env; /* all of its environment */
	int channel;	  /* becomes CHANNEL_FD */
	int progress;	  /* becomes PROGRESS_FD */
	int lastwords;	  /* becomes LASTWORDS_FD; -1: there is none */
	int log;	  /* becomes descriptors 1 and 2; 0: as ours */
	bool core;	  /* it may leave a core file */
	enum jail_mode jail;
};

/* Starts it and waits until exec has worked. *ret_jail is what its jail holds by
 * then (NULL is allowed). *ret_pidfd belongs to the caller
 * and is close-on-exec; -1 where there is no such thing (Linux before 5.3, or
 * under valgrind). 0, or ERR_IO with the step and the reason in f. */
int spawn(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd,
    struct jail_report *ret_jail, struct fail *f) MUST_CHECK;

/* What every child gets: PATH, LANG, GGML_NO_BACKTRACE, and options of
 * sanitizers from envp (NULL is allowed); and extra, a variable, unless it is
 * "". NULL if out of memory; the strings must outlive it; free(3) it. */
char **spawn_env(char *const envp[], const char *extra);

#endif
