/*
 * cgroup - a control group (v2) of its own for each worker, so that one which
 * takes too much memory is killed whole, alone, and known to have been.
 *
 * That is only done where the keeper's own group was given to it: delegated by
 * systemd (Delegate=yes), or the root of a container's own tree. There it moves
 * itself into a leaf first, because a group with processes in it may not hand
 * controllers to groups below it:
 *
 *   bulkhead.service/           +memory +pids
 *   bulkhead.service/main       keeper, front
 *   bulkhead.service/worker-77  memory.max, memory.oom.group, pids.max
 */
#ifndef KEEPER_CGROUP_H
#define KEEPER_CGROUP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup;

/* Where the kernel shows it; tests have a tree of their own. */
struct cgroup_paths {
	const char *mount; /* "/sys/fs/cgroup" */
	const char *self;  /* "/proc/self/cgroup" */
};

/* Makes the keeper's group fit for it. memory_max: of each worker, in bytes; 0:
 * no limit. 0; or ERR_NOT_FOUND with the reason why there will be no groups. */
int cgroup_open(const struct cgroup_paths *paths, uint64_t memory_max,
    struct cgroup **ret, struct fail *why) MUST_CHECK;

/* NULL is allowed. Groups with processes in them stay. */
void cgroup_close(struct cgroup *c);

/* Puts a process into a new group. 0 or ERR_IO with the reason. */
int cgroup_put(struct cgroup *c, pid_t pid, struct fail *why) MUST_CHECK;

/* Removes the group of a process that is dead. True if the kernel killed in it
 * because of its limit. */
bool cgroup_drop(struct cgroup *c, pid_t pid);

#endif
