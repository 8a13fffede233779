/*
 * memory - the bound of the workers' memory, and whether one died of it.
 *
 * Where there are control groups (cgroup.h) each worker has its limit, and the
 * kernel says who was killed for it. Elsewhere a SIGKILL that nobody here sent
 * is laid to memory when the machine's count of such kills has grown.
 */
#ifndef KEEPER_MEMORY_H
#define KEEPER_MEMORY_H

#include "keeper/cgroup.h"

#define MEMORY_WHY 96 /* bytes */

struct memory;

struct memory_paths {
	struct cgroup_paths cgroup;
	const char *vmstat; /* "/proc/vmstat" */
};

/* What a model remembers of its workers; zeroed at the beginning. */
struct memory_of {
	uint64_t machine_kills; /* when the worker began */
	uint64_t last_ms;	/* when the limit killed one; 0: never */
};

/* paths: NULL for the kernel's own. limit_mib: of each worker; 0: none. Logs
 * why the limit cannot be kept, if it cannot. NULL if out of memory. */
struct memory *memory_new(const struct memory_paths *paths, uint32_t limit_mib);

/* NULL is allowed. */
void memory_free(struct memory *m);

/* "a group for each worker, 4096 MiB", or why there is none; for people. */
const char *memory_about(const struct memory *m);

/* A worker has been started. */
void memory_begin(struct memory *m, struct memory_of *w, pid_t pid);

/* A worker is dead. was_killed: by SIGKILL, and by nobody here; then ret_why is
 * filled if it was memory, else it is empty. True when it is the second within
 * ten minutes to die of the limit: a third would as well. */
bool memory_end(struct memory *m, struct memory_of *w, pid_t pid,
    bool was_killed, uint64_t now_ms, char ret_why[MEMORY_WHY]);

#endif
