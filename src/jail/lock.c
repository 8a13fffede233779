/*
 * Stage 2. The order matters: an empty root and another user need
 * capabilities, these go next, Landlock needs its own system calls, the filter
 * comes last because none of the others would pass it.
 */
#include "jail/caps.h"
#include "jail/filter.h"
#include "jail/jail.h"
#include "jail/landlock.h"
#include "jail/space.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The kernel's overflow user, "nobody": owns no file. */
#define NOBODY 65534

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

struct lock {
	enum jail_kind kind;
	bool has_core; /* a crash writes a core file itself */
	const struct jail_files *files;
	struct jail_report *report;
};

/* The kernel writes a core file as the process that dies: it must be allowed
 * to. A program that takes it from a pipe is no concern of ours. */
static bool
writes_core(void)
{
	struct rlimit r;
	char first = '|';
	int fd;

	if (getrlimit(RLIMIT_CORE, &r) != 0 || r.rlim_cur == 0)
		return false;
	fd = open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	(void)!read(fd, &first, 1);
	(void)close(fd);
	return first != '|';
}

/* What libraries would open late. localtime() looks at the file of the time
 * zone again and again, unless TZ names it. */
static void
open_early(void)
{
	(void)setenv("TZ", ":/etc/localtime", 0);
	tzset();
}

static int
limit(int which, rlim_t most)
{
	struct rlimit r;

	if (getrlimit((__rlimit_resource_t)which, &r) != 0)
		return -1;
	if (r.rlim_max < most)
		return 0;
	r.rlim_cur = r.rlim_max = most;
	return setrlimit((__rlimit_resource_t)which, &r);
}

static bool
is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

struct limit {
	int what;
	rlim_t most;
};

/* What unwinds may have been led astray by what it reads. Debug information is
 * large, and mapped. */
static const struct limit autopsy_limits[] = {
	{ RLIMIT_AS, 2ull << 30 },
	{ RLIMIT_CPU, 20 }, /* seconds */
	{ RLIMIT_FSIZE, 8u << 20 },
	{ RLIMIT_NOFILE, 1024 },
	{ RLIMIT_NPROC, 0 },
};

/* So may what reads a model's head, which is small. */
static const struct limit probe_limits[] = {
	{ RLIMIT_AS, 256ull << 20 },
	{ RLIMIT_CPU, 10 },
	{ RLIMIT_FSIZE, 64u << 10 }, /* its answer */
	{ RLIMIT_NOFILE, 16 },
	{ RLIMIT_NPROC, 0 },
};

static int
lock_all(const struct limit *limits, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n; i++)
		err |= limit(limits[i].what, limits[i].most);
	return err;
}

/* A worker makes threads, and who counts them counts those of all workers. The
 * front's journal may grow. */
static int
lock_limits(const struct lock *l)
{
	if (l->kind == JAIL_FRONT)
		return limit(RLIMIT_NPROC, 0);
	if (l->kind == JAIL_AUTOPSY)
		return lock_all(autopsy_limits,
		    sizeof(autopsy_limits) / sizeof(autopsy_limits[0]));
	if (l->kind == JAIL_PROBE)
		return lock_all(probe_limits,
		    sizeof(probe_limits) / sizeof(probe_limits[0]));
	if (l->kind == JAIL_WORKER && limit(RLIMIT_NOFILE, 64) != 0)
		return -1;
	/* Started by hand, its log may be a file. What is copied for the NPU's
	 * library is memory that counts as one. */
	if (l->has_core || l->kind == JAIL_NPU || is_file(STDERR_FILENO))
		return 0;
	return limit(RLIMIT_FSIZE, 0);
}

static int
lock_root(const struct lock *l)
{
	(void)l;
	return space_empty_root();
}

/* A change of user forgets with whom to die, and forbids core dumps. */
static int
lock_user(const struct lock *l)
{
	struct rlimit core = { 0, 0 };

	(void)l;
	(void)getrlimit(RLIMIT_CORE, &core);
	/* Takes a capability that goes with the user. */
	caps_bound_none();
	if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) != 0)
		return -1;
	if (core.rlim_cur != 0)
		(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	return prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static int
lock_caps(const struct lock *l)
{
	(void)l;
	return caps_drop_all();
}

static int
lock_paths(const struct lock *l)
{
	unsigned abi;
	int err = landlock_enter(l->kind, l->files, &abi);

	l->report->landlock_abi = (uint8_t)abi;
	return err;
}

static int
lock_calls(const struct lock *l)
{
	return filter_enter(l->kind);
}

#define NEVER LAYER_REASON_COUNT

static const struct step {
	enum jail_layer layer;
	int (*fn)(const struct lock *l); /* 0, or -1 and errno */
	bool when_sanitized;
	bool when_core;
	bool when_device;
	bool when_npu;	 /* its files and devices are the keeper's user's */
	bool when_files; /* of others, and its own in its user's name */
} steps[] = {
	{ LAYER_MOUNT_NS, lock_root, false, false, false, false, false },
	{ LAYER_UID, lock_user, false, false, true, false, false },
	{ LAYER_LIMITS, lock_limits, false, true, true, true, true },
	{ LAYER_NO_CAPS, lock_caps, true, true, true, true, true },
	{ LAYER_LANDLOCK, lock_paths, false, false, true, true, true },
	{ LAYER_SECCOMP, lock_calls, false, true, true, true, true },
};

/* Why a step is left out; NEVER if it is not. */
static enum layer_reason
reason_against(const struct lock *l, const struct step *s)
{
	if (IS_SANITIZED && !s->when_sanitized)
		return REASON_SANITIZER;
	if (l->has_core && !s->when_core)
		return REASON_CORE;
	if ((l->kind == JAIL_DEVICE && !s->when_device) ||
	    (l->kind == JAIL_NPU && !s->when_npu))
		return REASON_DEVICE;
	if (l->kind == JAIL_AUTOPSY && !s->when_files)
		return REASON_FILES;
	return NEVER;
}

static void
take_step(const struct lock *l, const struct step *s)
{
	enum layer_reason why = reason_against(l, s);

	if (s->layer == LAYER_UID && geteuid() != 0)
		report_set(l->report, s->layer, LAYER_NEEDLESS, 0);
	else if (why != NEVER)
		report_set(l->report, s->layer, LAYER_LEFT_OUT, why);
	else
		report_outcome(l->report, s->layer, s->fn(l));
}

void
jail_lock(enum jail_kind kind, enum jail_mode mode,
    const struct jail_files *files, struct jail_report *report)
{
	struct lock l = { kind, writes_core(), files, report };

	if (mode == JAIL_OFF)
		return;
	open_early();
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		take_step(&l, &steps[i]);
}

static _Noreturn void
try_child(enum jail_kind kind, bool core, pid_t parent, int fd)
{
	struct jail j = { .parent = parent,
		.fds = { 2, 2, 2 },
		.n_fds = 3,
		.core = core,
		.mode = JAIL_AUTO };
	struct jail_report r = { .landlock_abi = 0 };

	if (jail_enter(&j, &fd, &r) != NULL)
		_exit(1);
	jail_lock(kind, JAIL_AUTO, NULL, &r);
	_exit(write(fd, &r, sizeof(r)) == (ssize_t)sizeof(r) ? 0 : 1);
}

bool
jail_try(enum jail_kind kind, bool core, struct jail_report *report)
{
	pid_t parent = getpid();
	struct jail_report r;
	int fds[2];
	pid_t pid;
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	pid = fork();
	if (pid == 0)
		try_child(kind, core, parent, fds[1]);
	(void)close(fds[1]);
	n = pid < 0 ? -1 : read(fds[0], &r, sizeof(r));
	(void)close(fds[0]);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	if (n != (ssize_t)sizeof(r))
		return false;
	*report = r;
	return true;
}
