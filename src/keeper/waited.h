/*
 * waited - how long a process has waited for a processor, by the kernel's
 * account of its first thread.
 */
#ifndef KEEPER_WAITED_H
#define KEEPER_WAITED_H

#include <stdint.h>
#include <sys/types.h>

/* Zeroed for a new process. */
struct waited {
	uint64_t run_ns;   /* on a processor, at the last look */
	uint64_t delay_ns; /* waited for one, as far as that is over */
	uint64_t looked_ms;
	uint64_t ms; /* waited in all, also what is not over */
};

/* Looks at pid, and returns w->ms: in so many milliseconds of those between
 * looks it could have run and did not. A process that sleeps or is stopped
 * waits for nothing; nor does any where the kernel says nothing (no /proc, no
 * CONFIG_SCHED_INFO). Documentation/scheduler/sched-stats.rst, proc(5). */
uint64_t waited_look(struct waited *w, pid_t pid, uint64_t now_ms);

#endif
