#include "keeper/memory.h"

#include "base/log.h"
#include "keeper/kernel.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define AGAIN_MS (10u * 60 * 1000)
#define MIB_BYTES (1024u * 1024u)

struct memory {
	struct memory_paths paths;
	struct cgroup *groups; /* NULL: there are none */
	uint32_t limit_mib;
	char about[256];
};

static const struct memory_paths kernels = {
	{ "/sys/fs/cgroup", "/proc/self/cgroup" },
	"/proc/vmstat",
};

struct memory *
memory_new(const struct memory_paths *paths, uint32_t limit_mib)
{
	struct memory *m = calloc(1, sizeof(*m));
	struct fail why;

	if (m == NULL)
		return NULL;
	m->paths = paths != NULL ? *paths : kernels;
	m->limit_mib = limit_mib;
	if (cgroup_open(&m->paths.cgroup, (uint64_t)limit_mib * MIB_BYTES,
		&m->groups, &why) != 0) {
		(void)snprintf(
		    m->about, sizeof(m->about), "none: %.200s", why.text);
		if (limit_mib != 0)
			log_warn("--worker-memory-max cannot be kept: no "
				 "control groups: %s",
			    why.text);
	} else if (limit_mib != 0) {
		(void)snprintf(m->about, sizeof(m->about),
		    "one a worker, of %u MiB", limit_mib);
	} else {
		(void)snprintf(m->about, sizeof(m->about), "one a worker");
	}
	return m;
}

void
memory_free(struct memory *m)
{
	if (m == NULL)
		return;
	cgroup_close(m->groups);
	free(m);
}

const char *
memory_about(const struct memory *m)
{
	return m->about;
}

/* How many processes of this machine were ever killed for memory. */
static uint64_t
machine_kills(const struct memory *m)
{
	char text[16384];

	(void)kernel_read(AT_FDCWD, m->paths.vmstat, text, sizeof(text));
	return kernel_number(text, "oom_kill");
}

void
memory_begin(struct memory *m, struct memory_of *w, pid_t pid)
{
	struct fail why;

	w->machine_kills = machine_kills(m);
	if (m->groups != NULL && cgroup_put(m->groups, pid, &why) != 0)
		log_warn("%s", why.text);
}

/* The limit killed it. */
static bool
is_hopeless(struct memory_of *w, uint64_t now_ms)
{
	bool again = w->last_ms != 0 && now_ms - w->last_ms < AGAIN_MS;

	w->last_ms = now_ms;
	return again;
}

bool
memory_end(struct memory *m, struct memory_of *w, pid_t pid, bool was_killed,
    uint64_t now_ms, char ret_why[MEMORY_WHY])
{
	bool was_limit = m->groups != NULL && cgroup_drop(m->groups, pid);

	ret_why[0] = '\0';
	if (!was_killed)
		return false;
	if (was_limit) {
		(void)snprintf(ret_why, MEMORY_WHY,
		    "out of memory: its cgroup's limit of %u MiB",
		    m->limit_mib);
		return is_hopeless(w, now_ms);
	}
	if (machine_kills(m) > w->machine_kills)
		(void)snprintf(ret_why, MEMORY_WHY,
		    "probably out of memory: the kernel has killed for it");
	return false;
}
