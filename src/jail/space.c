#include "jail/space.h"

#include "jail/caps.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

/* "1000 1000 1\n"; stdio is not for the child of a fork. */
static size_t
put_number(char *out, unsigned v)
{
	char digits[16];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	for (size_t i = 0; i < n; i++)
		out[i] = digits[n - 1 - i];
	return n;
}

static int
put_file(const char *path, const char *text, size_t n)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t w;
	int error;

	if (fd < 0)
		return -1;
	w = write(fd, text, n);
	error = errno;
	(void)close(fd);
	errno = error;
	return w == (ssize_t)n ? 0 : -1;
}

/* The one user that there is in the new namespace: the same as outside. */
static int
map_id(const char *path, unsigned id)
{
	char line[64];
	size_t n = put_number(line, id);

	line[n++] = ' ';
	n += put_number(line + n, id);
	memcpy(line + n, " 1\n", 3);
	return put_file(path, line, n + 3);
}

static int
become_root_of_nothing(void)
{
	unsigned uid = geteuid();
	unsigned gid = getegid();

	if (unshare(CLONE_NEWUSER) != 0)
		return -1;
	/* Without which a group could not be mapped. */
	if (put_file("/proc/self/setgroups", "deny", 4) != 0 ||
	    map_id("/proc/self/gid_map", gid) != 0)
		return -1;
	return map_id("/proc/self/uid_map", uid);
}

static const struct {
	enum jail_layer layer;
	int flag;
} spaces[] = {
	{ LAYER_NET_NS, CLONE_NEWNET },
	{ LAYER_IPC_NS, CLONE_NEWIPC },
	{ LAYER_UTS_NS, CLONE_NEWUTS },
	{ LAYER_CGROUP_NS, CLONE_NEWCGROUP },
};

void
space_enter(struct jail_report *r)
{
	if (caps_may_make_namespaces())
		report_set(r, LAYER_USER_NS, LAYER_NEEDLESS, 0);
	else
		report_outcome(r, LAYER_USER_NS, become_root_of_nothing());
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		report_outcome(r, spaces[i].layer, unshare(spaces[i].flag));
}

/* Any folder will do to mount it on; it is gone afterwards. */
static int
mount_nothing(void)
{
	static const char *const places[] = { "/tmp", "/usr", "/dev", "/proc" };
	unsigned long flags =
	    MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (mount("none", places[i], "tmpfs", flags,
			"size=4k,nr_inodes=1,mode=555") == 0)
			return chdir(places[i]);
	return -1;
}

int
space_empty_root(void)
{
	/* In the machine's own namespace the rest would be its end. */
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -1;
	/* The old root ends up on top of the new one, and is let go. */
	if (mount_nothing() != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
	    umount2(".", MNT_DETACH) != 0)
		return -1;
	return chdir("/");
}
