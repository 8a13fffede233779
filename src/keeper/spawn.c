#include "keeper/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a child says to us on a pipe that exec closes: one of these when all is
 * set for exec, a second one when it failed. */
struct news {
	const char *step; /* a literal: the same address in both processes;
			     NULL: nothing is wrong */
	int error;	  /* errno */
	struct jail_report jail;
};

static _Noreturn void
in_child(const struct spawn *s, const struct jail *j, int pipe_fd)
{
	char *const argv[] = { (char *)s->name, NULL };
	struct news n = { .step = NULL };

	n.step = jail_enter(j, &pipe_fd, &n.jail);
	if (n.step == NULL) {
		(void)!write(pipe_fd, &n, sizeof(n));
		(void)execve(s->exe, argv, s->env);
		n.step = "exec";
	}
	n.error = errno;
	/* Nobody is left to tell when this fails. */
	if (write(pipe_fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		_exit(126);
	_exit(127);
}

/* Blocks until exec has closed the pipe. True if nothing went wrong. */
static bool
has_started(int pipe_fd, struct news *ret)
{
	struct news n;
	ssize_t got;

	*ret = (struct news){ .step = NULL };
	/* Less than PIPE_BUF: each comes whole. */
	do {
		got = read(pipe_fd, &n, sizeof(n));
		if (got == (ssize_t)sizeof(n))
			*ret = n;
	} while (got > 0 || (got < 0 && errno == EINTR));
	return ret->step == NULL;
}

/* Signals stay blocked over the fork: a handler of the loop's that ran in the
 * child would write to the parent's pipe. */
static pid_t
fork_blocked(sigset_t *ret_was)
{
	sigset_t all;
	pid_t pid;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, ret_was);
	pid = fork();
	if (pid != 0)
		(void)sigprocmask(SIG_SETMASK, ret_was, NULL);
	return pid;
}

static int
failed(const struct spawn *s, const char *step, int error, struct fail *f)
{
	return fail_set(f, ERR_IO, "", "cannot start %s (%s): %s: %s", s->name,
	    s->exe, step, strerror(error));
}

/* Closes pipe_fds[1]. */
static int
start(const struct spawn *s, const struct jail *j, const int pipe_fds[2],
    pid_t *ret_pid, int *ret_pidfd, struct jail_report *ret_jail,
    struct fail *f)
{
	struct news n;
	sigset_t was;
	pid_t pid = fork_blocked(&was);
	int error = errno;
	int pidfd;

	if (pid == 0)
		in_child(s, j, pipe_fds[1]);
	(void)close(pipe_fds[1]);
	if (pid < 0)
		return failed(s, "fork", error, f);
	/* Not reaped yet, so the number is still the child's. */
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0 && errno != ENOSYS) {
		error = errno;
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return failed(s, "pidfd_open", error, f);
	}
	if (!has_started(pipe_fds[0], &n)) {
		(void)waitpid(pid, NULL, 0);
		if (pidfd >= 0)
			(void)close(pidfd);
		return failed(s, n.step, n.error, f);
	}
	if (ret_jail != NULL)
		*ret_jail = n.jail;
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return 0;
}

int
spawn(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd,
    struct jail_report *ret_jail, struct fail *f)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int pipe_fds[2];
	int err;

	if (null < 0)
		return failed(s, "/dev/null", errno, f);
	if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
		err = failed(s, "pipe", errno, f);
		(void)close(null);
		return err;
	}
	/* Standard output is for whoever waits for the keeper's ready line. */
	int log = s->log > 0 ? s->log : STDERR_FILENO;
	struct jail j = {
		.parent = getpid(),
		.fds = { null, log, log, s->channel, s->progress,
		    s->lastwords },
		.n_fds = s->lastwords >= 0 ? 6 : 5,
		.core = s->core,
		.mode = s->jail,
	};
	err = start(s, &j, pipe_fds, ret_pid, ret_pidfd, ret_jail, f);
	(void)close(pipe_fds[0]);
	(void)close(null);
	return err;
}

char **
spawn_env(char *const envp[], const char *extra)
{
	static const char *const fixed[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
		"/sbin:/bin",
		"LANG=C.UTF-8",
		"GGML_NO_BACKTRACE=1",
	};
	static const char *const passed[] = {
		"ASAN_OPTIONS=",
		"UBSAN_OPTIONS=",
		"TSAN_OPTIONS=",
		"LSAN_OPTIONS=",
	};
	size_t n_fixed = sizeof(fixed) / sizeof(fixed[0]);
	size_t n_passed = sizeof(passed) / sizeof(passed[0]);
	char **env = calloc(n_fixed + n_passed + 2, sizeof(*env));
	size_t n = 0;

	if (env == NULL)
		return NULL;
	for (; n < n_fixed; n++)
		env[n] = (char *)fixed[n];
	for (size_t i = 0; envp != NULL && envp[i] != NULL; i++)
		for (size_t k = 0; k < n_passed; k++)
			if (n < n_fixed + n_passed &&
			    strncmp(envp[i], passed[k], strlen(passed[k])) == 0)
				env[n++] = envp[i];
	if (extra[0] != '\0')
		env[n] = (char *)extra;
	return env;
}
