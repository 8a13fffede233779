/*
 * signals - names of signals, of their codes, and of registers.
 */
#ifndef AUTOPSY_SIGNALS_H
#define AUTOPSY_SIGNALS_H

#include <signal.h>
#include <stdint.h>

/* "SIGSEGV"; "signal 40"; valid until the next call. */
const char *signals_name(int signo);

/* "SEGV_MAPERR"; "SI_USER"; "?" */
const char *signals_code(int signo, int code);

/* By DWARF's number on this machine; "r7" where there is no name. */
const char *signals_register(uint32_t i);

#endif
