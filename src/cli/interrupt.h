/*
 * interrupt - Ctrl-C (and SIGTERM) as something that is looked at, not jumped
 * on: the signals are blocked but while interrupt_wait() waits.
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/* Takes SIGINT and SIGTERM over, and ignores SIGPIPE. */
void interrupt_init(void);

/* For the child of a fork(2): as if nothing had been taken over. */
void interrupt_undo(void);

/* How many have come. */
int interrupt_count(void);

/* Waits until fd is readable: true. False when a signal came first, or after
 * ms (-1: for ever). */
bool interrupt_wait(int fd, int ms);

#endif
