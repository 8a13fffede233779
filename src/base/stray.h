/*
 * stray - signals that mean nothing to a daemon, and so must not end it.
 *
 * Of a process that has not said what it wants with SIGUSR1 and its like, the
 * kernel makes an end. Here they are ignored, while what asks for an end or
 * tells of a fault (SIGTERM, SIGQUIT, SIGABRT, SIGSEGV ...), stops a process
 * or speaks of a limit on its time stays what it is. docs/OPERATE.md has the
 * table.
 */
#ifndef BASE_STRAY_H
#define BASE_STRAY_H

#include <signal.h>

/* Ignores those that are at their default: a handler stays whose it is. Those
 * that were go to *ret_taken (NULL is allowed), for stray_give_back(). */
void stray_ignore(sigset_t *ret_taken);

/* Those of them that are still ignored are at their default again. */
void stray_give_back(const sigset_t *taken);

#endif
