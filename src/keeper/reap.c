#include "keeper/reap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

static uint64_t
ms_of(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_usec / 1000;
}

int
reap(pid_t pid, struct death *ret)
{
	struct rusage used;
	int status = 0;
	pid_t r;

	do
		r = wait4(pid, &status, WNOHANG, &used);
	while (r < 0 && errno == EINTR);
	/* Not our child any more: a program that embeds us has reaped it. */
	if (r < 0) {
		*ret = (struct death){ .number = -1 };
		return 0;
	}
	if (r == 0)
		return ERR_AGAIN;
	*ret = (struct death){
		.by_signal = WIFSIGNALED(status),
		.number = WIFSIGNALED(status) ? WTERMSIG(status)
					      : WEXITSTATUS(status),
		.core = WIFSIGNALED(status) && WCOREDUMP(status),
		.peak_kib = (uint64_t)used.ru_maxrss,
		.cpu_ms = ms_of(used.ru_utime) + ms_of(used.ru_stime),
	};
	return 0;
}

const char *
death_text(const struct death *d, char *ret, size_t n)
{
	const char *name = d->by_signal ? sigabbrev_np(d->number) : NULL;

	if (!d->by_signal && d->number < 0)
		(void)snprintf(ret, n, "gone");
	else if (!d->by_signal)
		(void)snprintf(ret, n, "exited with status %d", d->number);
	else if (name != NULL)
		(void)snprintf(ret, n, "killed by SIG%s%s", name,
		    d->core ? " (core dumped)" : "");
	else
		(void)snprintf(ret, n, "killed by signal %d", d->number);
	return ret;
}
