#include "jail/jail.h"

#include "jail/caps.h"
#include "jail/space.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* A step without which no child is started. */
struct step {
	const char *name;
	int (*fn)(const struct jail *j, int *keep); /* 0, or -1 and errno */
};

static int
new_session(const struct jail *j, int *keep)
{
	(void)j;
	(void)keep;
	return setsid() < 0 ? -1 : 0;
}

/* The signal follows the thread that forked: the keeper has one. */
static int
die_with_parent(const struct jail *j, int *keep)
{
	(void)keep;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return -1;
	/* It may have died before the line above. */
	if (getppid() != j->parent) {
		errno = ESRCH;
		return -1;
	}
	return 0;
}

static int
limit_resources(const struct jail *j, int *keep)
{
	static const struct rlimit none = { 0, 0 };

	(void)keep;
	return j->core ? 0 : setrlimit(RLIMIT_CORE, &none);
}

static int
tighten_umask(const struct jail *j, int *keep)
{
	(void)j;
	(void)keep;
	(void)umask(077);
	return 0;
}

/* exec keeps what is ignored and what is blocked. SIGPIPE stays ignored: it
 * never kills one of ours. */
static int
default_signals(const struct jail *j, int *keep)
{
	sigset_t none;

	(void)j;
	(void)keep;
	for (int signo = 1; signo < NSIG; signo++)
		(void)signal(signo, signo == SIGPIPE ? SIG_IGN : SIG_DFL);
	(void)sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* For kernels before 5.9, which have no close_range(2). */
static int
close_from(unsigned first)
{
	struct rlimit r;

	if (close_range(first, ~0u, 0) == 0)
		return 0;
	if (errno != ENOSYS || getrlimit(RLIMIT_NOFILE, &r) != 0)
		return -1;
	for (unsigned fd = first; fd < r.rlim_cur; fd++)
		(void)close((int)fd);
	return 0;
}

/* First all out of the way, then each to its place: the numbers overlap. */
static int
leave_named_descriptors(const struct jail *j, int *keep)
{
	int n = (int)j->n_fds;
	int moved[JAIL_FDS_MAX];

	for (int i = 0; i < n; i++) {
		moved[i] = fcntl(j->fds[i], F_DUPFD, n + 1);
		if (moved[i] < 0)
			return -1;
	}
	if (*keep >= 0) {
		int fd = fcntl(*keep, F_DUPFD, n + 1);

		if (fd < 0 || dup3(fd, n, O_CLOEXEC) < 0)
			return -1;
		*keep = n;
	}
	for (int i = 0; i < n; i++)
		if (dup2(moved[i], i) < 0)
			return -1;
	return close_from((unsigned)n + (*keep >= 0));
}

static const struct step steps[] = {
	{ "new session", new_session },
	{ "death with the parent", die_with_parent },
	{ "limits", limit_resources },
	{ "umask", tighten_umask },
	{ "descriptors", leave_named_descriptors },
	{ "signals", default_signals },
};

/* Layers, which may be missing. no_new_privs first: it is what lets anybody
 * have the rest. Capabilities last: they make the others. */
static void
enter_layers(const struct jail *j, struct jail_report *r)
{
	bool to_change_user = geteuid() == 0 && caps_may_change_user();

	report_outcome(
	    r, LAYER_NO_NEW_PRIVS, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	if (j->mode == JAIL_OFF)
		return;
	space_enter(r);
	(void)caps_keep_few(to_change_user);
}

const char *
jail_enter(const struct jail *j, int *keep, struct jail_report *report)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i].fn(j, keep) != 0)
			return steps[i].name;
	enter_layers(j, report);
	return NULL;
}

size_t
jail_raise_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return 256;
	if (r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
		(void)getrlimit(RLIMIT_NOFILE, &r);
	}
	return (size_t)r.rlim_cur;
}
