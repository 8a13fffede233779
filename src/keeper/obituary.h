/*
 * obituary - what is kept of a death that nobody had asked for.
 */
#ifndef KEEPER_OBITUARY_H
#define KEEPER_OBITUARY_H

#include <stdint.h>
#include <sys/types.h>

/* "20261122-140233-1a2b" */
#define CRASH_ID_SIZE 24

/* Its name: when (UTC), so that names sort by time, and the low bits of the
 * pid, which no two that die in one second share. Returns ret. */
const char *obituary_id(uint64_t unix_s, pid_t pid, char ret[CRASH_ID_SIZE]);

#endif
