#include "keeper/reap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

int
reap(pid_t pid, struct death *ret)
{
	siginfo_t si = { .si_pid = 0 };
	int r;

	do
		r = waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG);
	while (r < 0 && errno == EINTR);
	/* Not our child any more: a program that embeds us has reaped it. */
	if (r < 0) {
		*ret = (struct death){ .number = -1 };
		return 0;
	}
	if (si.si_pid == 0)
		return ERR_AGAIN;
	*ret = (struct death){
		.by_signal = si.si_code != CLD_EXITED,
		.number = si.si_status,
		.core = si.si_code == CLD_DUMPED,
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
