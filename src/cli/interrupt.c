#include "cli/interrupt.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static volatile sig_atomic_t count;
static sigset_t was; /* the mask before */

static void
on_signal(int signo)
{
	(void)signo;
	count++;
}

void
interrupt_init(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t ours;

	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, SIGINT);
	(void)sigaddset(&ours, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &ours, &was);
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

void
interrupt_undo(void)
{
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &was, NULL);
}

int
interrupt_count(void)
{
	return count;
}

bool
interrupt_wait(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	return ppoll(&p, 1, ms < 0 ? NULL : &t, &was) > 0;
}
