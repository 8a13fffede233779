#include "keeper/modelneed.h"

#include "base/log.h"
#include "keeper/kernel.h"
#include "keeper/model.h"
#include "keeper/need.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#define TEXT_MAX 16384u
#define CGROUPS "/sys/fs/cgroup"

static uint64_t
machine(void)
{
	struct sysinfo info;

	return sysinfo(&info) != 0 ? UINT64_MAX / 2
				   : (uint64_t)info.totalram * info.mem_unit;
}

uint64_t
modelneed_guess(const struct models *in, uint64_t bytes)
{
	(void)in;
	return need_guess(bytes, machine());
}

/* As far as the head of its file tells. */
static uint64_t
by_probe(const struct model *m)
{
	const struct modelconf *c = &m->spec->conf;
	const struct need_settings s = {
		.machine = machine(),
		.n_ctx = m->n_ctx,
		.n_seq = c->parallel,
		.chunk = c->chunk,
	};
	struct need n;

	need_of(&m->probe.about, &s, &n);
	return n.total;
}

uint64_t
modelneed_of(const struct model *m)
{
	const struct probe *p = &m->probe.about;

	if (m->measured != 0)
		return m->measured;
	if (m->probe.is_known && p->err == 0 && p->n_layer != 0)
		return by_probe(m);
	return modelneed_guess(m->in, (uint64_t)m->file.st.st_size);
}

/* In bytes, of a process; 0: it does not tell. */
static uint64_t
status_of(pid_t pid, const char *key)
{
	char name[64], text[TEXT_MAX];
	const char *at;

	(void)snprintf(name, sizeof(name), "/proc/%d/status", (int)pid);
	(void)kernel_read(AT_FDCWD, name, text, sizeof(text));
	at = strstr(text, key);
	return at == NULL ? 0 : strtoull(at + strlen(key), NULL, 10) * KIB;
}

/* Weights that are mapped come with their first use: they are as large as the
 * file, whatever is in memory yet. */
void
modelneed_measure(struct model *m, pid_t pid)
{
	uint64_t peak = status_of(pid, "VmHWM:");
	uint64_t own = status_of(pid, "RssAnon:");
	uint64_t size = (uint64_t)m->file.st.st_size;

	/* What is read instead is among its own. */
	if (m->spec->conf.mmap && own != 0 && own + size > peak)
		peak = own + size;
	if (peak > m->measured)
		m->measured = peak;
	modelroom_note(m);
}

/* What our workers have that would be free without them. */
static uint64_t
ours(const struct models *in)
{
	uint64_t n = 0;

	for (struct list *it = in->all.next; it != &in->all; it = it->next) {
		struct model *m = LIST_ENTRY(it, struct model, link);
		struct process *p = super_process(m->super);

		if (p != NULL)
			n += status_of(process_pid(p), "RssAnon:");
	}
	return n;
}

/* What a control group lets its members have, but for the page cache, which it
 * gives back; UINT64_MAX: anything. */
static uint64_t
room_in_group(const char *path)
{
	char name[512], text[TEXT_MAX];
	uint64_t max, used;

	(void)snprintf(name, sizeof(name), CGROUPS "%s/memory.max", path);
	if (!kernel_read(AT_FDCWD, name, text, sizeof(text)) || text[0] < '0' ||
	    text[0] > '9')
		return UINT64_MAX;
	max = strtoull(text, NULL, 10);
	(void)snprintf(name, sizeof(name), CGROUPS "%s/memory.stat", path);
	(void)kernel_read(AT_FDCWD, name, text, sizeof(text));
	used = kernel_number(text, "anon");
	return max > used ? max - used : 0;
}

/* The least of our group and those above it. */
static uint64_t
room_in_groups(void)
{
	char text[TEXT_MAX], path[384];
	const char *at;
	uint64_t least = room_in_group("");
	size_t n;

	(void)kernel_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text));
	at = strstr(text, "0::/");
	if (at == NULL)
		return least;
	at += strlen("0::");
	n = strcspn(at, "\n");
	if (n >= sizeof(path))
		return least;
	(void)snprintf(path, sizeof(path), "%.*s", (int)n, at);
	for (char *slash; (slash = strrchr(path, '/')) != NULL; *slash = '\0') {
		uint64_t here = room_in_group(path);

		least = here < least ? here : least;
	}
	return least;
}

static uint64_t
room_of_machine(void)
{
	char text[TEXT_MAX];
	const char *at;

	(void)kernel_read(AT_FDCWD, "/proc/meminfo", text, sizeof(text));
	at = strstr(text, "MemAvailable:");
	return at == NULL
	    ? UINT64_MAX
	    : strtoull(at + strlen("MemAvailable:"), NULL, 10) * KIB;
}

void
modelneed_look(struct models *in)
{
	uint64_t n, groups;

	if (in->conf->memory_limit != 0) {
		in->room.limit = (uint64_t)in->conf->memory_limit * MIB;
		return;
	}
	n = room_of_machine();
	groups = room_in_groups();
	n = groups < n ? groups : n;
	in->room.limit = n == UINT64_MAX ? n : n + ours(in);
}

static unsigned long long
mib(uint64_t bytes)
{
	return (bytes + MIB - 1) / MIB;
}

/* "--memory-limit", or what that is otherwise. */
static const char *
limit_name(const struct models *in)
{
	return in->conf->memory_limit != 0
	    ? "is --memory-limit"
	    : "this machine (or its control group) has for models; "
	      "--memory-limit overrides";
}

int
modelneed_refuse(const struct models *in, const char *path, uint64_t need,
    bool for_clients, struct fail *f)
{
	uint64_t stays = in->room.in[HOLD_STAYS].bytes +
	    (for_clients ? in->room.in[HOLD_CLIENT].bytes : 0);

	return fail_set(f, for_clients ? ERR_BUSY : ERR_FULL, "model",
	    "model %.240s: needs about %llu MiB of memory, beside %llu MiB of "
	    "models that stay loaded; %llu MiB %s; a smaller --ctx-size or "
	    "--parallel takes less",
	    path, mib(need), mib(stays), mib(in->room.limit), limit_name(in));
}

void
modelneed_warn(struct model *m)
{
	struct models *in = m->in;
	struct room_sum taken;

	modelneed_look(in);
	taken = room_taken(&in->room);
	if (taken.bytes > in->room.limit)
		log_warn("model %s: with it the models of the command line "
			 "need about %llu MiB of memory; %llu MiB %s",
		    m->name, mib(taken.bytes), mib(in->room.limit),
		    limit_name(in));
}
