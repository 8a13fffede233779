#include "keeper/cgroup.h"

#include "base/log.h"
#include "keeper/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PIDS_MAX "1024" /* threads of a worker; ggml makes at most 512 */
#define TEXT_MAX 4096u

struct cgroup {
	int dir; /* the keeper's group as it was given to it */
	uint64_t memory_max;
	bool has_pids;
};

/* 0 or errno. */
static int
write_at(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		error = errno;
	(void)close(fd);
	return error;
}

/* Whether the words of a list have that one. */
static bool
has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; (at = strstr(at, word)) != NULL; at += n)
		if ((at == list || strchr(" \n", at[-1]) != NULL) &&
		    strchr(" \n", at[n]) != NULL)
			return true;
	return false;
}

static int
none(struct fail *why, const char *what, const char *arg)
{
	return fail_set(why, ERR_NOT_FOUND, "", "%s%.300s", what, arg);
}

/* The group's folder: what follows "0::" in /proc/self/cgroup. */
static int
find_path(
    const struct cgroup_paths *paths, char ret[TEXT_MAX], struct fail *why)
{
	char text[TEXT_MAX];
	char *at = text, *end;

	if (!kernel_read(AT_FDCWD, paths->self, text, sizeof(text)))
		return none(why, "cannot read ", paths->self);
	while (strncmp(at, "0::/", 4) != 0) {
		at = strchr(at, '\n');
		if (at == NULL)
			return none(why, "no cgroup v2 here", "");
		at++;
	}
	at += 3;
	end = strchr(at, '\n');
	if (end != NULL)
		*end = '\0';
	if (snprintf(ret, TEXT_MAX, "%s%s", paths->mount, at) >= (int)TEXT_MAX)
		return none(why, "a path too long: ", at);
	return 0;
}

/* systemd marks what it delegates. A container's own tree has no mark, but its
 * root looks like no machine's: that one has no cgroup.type. */
static bool
is_ours(int dir, const char *path, const char *mount)
{
	static const char *const marks[] = { "user.delegate",
		"trusted.delegate" };
	size_t n = strlen(mount);
	char mark[2] = "";

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (fgetxattr(dir, marks[i], mark, sizeof(mark)) == 1 &&
		    mark[0] == '1')
			return true;
	return strcmp(path + n, "/") == 0 &&
	    faccessat(dir, "cgroup.type", F_OK, 0) == 0;
}

/* The keeper moves out of the way: see the header. */
static int
move_down(int dir, struct fail *why)
{
	char pid[16];
	int error = 0;

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (mkdirat(dir, "main", 0755) != 0 && errno != EEXIST)
		error = errno;
	if (error == 0)
		error = write_at(dir, "main/cgroup.procs", pid);
	return error == 0
	    ? 0
	    : none(why, "cannot move to a group below: ", strerror(error));
}

static int
enable(struct cgroup *c, struct fail *why)
{
	char have[TEXT_MAX];
	int error;

	if (!kernel_read(c->dir, "cgroup.controllers", have, sizeof(have)))
		return none(why, "no cgroup v2 at its place", "");
	if (!has_word(have, "memory"))
		return none(why, "without the memory controller", "");
	c->has_pids = has_word(have, "pids");
	error = write_at(c->dir, "cgroup.subtree_control",
	    c->has_pids ? "+memory +pids" : "+memory");
	if (error != 0)
		return none(
		    why, "controllers cannot be passed on: ", strerror(error));
	return 0;
}

static int
prepare(struct cgroup *c, const struct cgroup_paths *paths, struct fail *why)
{
	char path[TEXT_MAX];
	int err = find_path(paths, path, why);

	if (err != 0)
		return err;
	c->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dir < 0)
		return none(why, strerror(errno), "");
	if (!is_ours(c->dir, path, paths->mount))
		return none(
		    why, "not delegated (systemd: Delegate=yes): ", path);
	err = move_down(c->dir, why);
	return err != 0 ? err : enable(c, why);
}

int
cgroup_open(const struct cgroup_paths *paths, uint64_t memory_max,
    struct cgroup **ret, struct fail *why)
{
	struct cgroup *c = calloc(1, sizeof(*c));
	int err;

	if (c == NULL)
		return none(why, "out of memory", "");
	c->dir = -1;
	c->memory_max = memory_max;
	err = prepare(c, paths, why);
	if (err != 0) {
		cgroup_close(c);
		return err;
	}
	*ret = c;
	return 0;
}

void
cgroup_close(struct cgroup *c)
{
	if (c == NULL)
		return;
	if (c->dir >= 0)
		(void)close(c->dir);
	free(c);
}

/* "worker-77", and then a file in it. */
static const char *
name_of(pid_t pid, const char *file, char ret[64])
{
	(void)snprintf(ret, 64, "worker-%d%s", (int)pid, file);
	return ret;
}

int
cgroup_put(struct cgroup *c, pid_t pid, struct fail *why)
{
	char name[64], number[24] = "max";
	int error = 0;

	if (c->memory_max != 0)
		(void)snprintf(number, sizeof(number), "%llu",
		    (unsigned long long)c->memory_max);
	if (mkdirat(c->dir, name_of(pid, "", name), 0755) != 0 &&
	    errno != EEXIST)
		error = errno;
	if (error == 0)
		error =
		    write_at(c->dir, name_of(pid, "/memory.max", name), number);
	if (error == 0)
		error = write_at(
		    c->dir, name_of(pid, "/memory.oom.group", name), "1");
	if (error == 0 && c->has_pids)
		error =
		    write_at(c->dir, name_of(pid, "/pids.max", name), PIDS_MAX);
	(void)snprintf(number, sizeof(number), "%d", (int)pid);
	if (error == 0)
		error = write_at(
		    c->dir, name_of(pid, "/cgroup.procs", name), number);
	if (error == 0)
		return 0;
	return fail_set(why, ERR_IO, "", "no control group for a worker: %s",
	    strerror(error));
}

bool
cgroup_drop(struct cgroup *c, pid_t pid)
{
	char name[64], events[TEXT_MAX];
	bool was_killed =
	    kernel_read(c->dir, name_of(pid, "/memory.events", name), events,
		sizeof(events)) &&
	    kernel_number(events, "oom_kill") > 0;

	if (unlinkat(c->dir, name_of(pid, "", name), AT_REMOVEDIR) != 0 &&
	    errno != ENOENT)
		log_debug("control group %s: %s", name, strerror(errno));
	return was_killed;
}
