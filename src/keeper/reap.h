/*
 * reap - how a child died, and in words.
 */
#ifndef KEEPER_REAP_H
#define KEEPER_REAP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct death {
	bool by_signal;
	int number; /* the signal, or the exit status; -1: nobody knows */
	bool core;  /* it left a core file */
	uint64_t peak_kib; /* the most memory that it had resident */
	uint64_t cpu_ms;
};

/* Buries our child: until that its number is nobody else's. 0; ERR_AGAIN while
 * it lives. */
int reap(pid_t pid, struct death *ret) MUST_CHECK;

/* "killed by SIGSEGV", "exited with status 1"; at most n bytes with the NUL.
 * Returns ret. */
const char *death_text(const struct death *d, char *ret, size_t n);

#endif
