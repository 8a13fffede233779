#include "base/stray.h"

#include <stdbool.h>
#include <stddef.h>

/* And all that are real-time. */
static const int strays[] = {
	SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF,
	SIGIO,	   /* who expects one has a handler */
	SIGPWR,	   /* for init */
	SIGSTKFLT, /* of no kernel since long ago */
	SIGTTOU,   /* a log on a terminal that wants its background silent */
	SIGXFSZ,   /* a log that may not grow any more */
};

#define N_STRAYS (sizeof(strays) / sizeof(strays[0]))

/* Changes it if it is at was; whether it was. */
static bool
change(int signo, void (*was)(int), void (*to)(int))
{
	struct sigaction act;

	if (sigaction(signo, NULL, &act) != 0 ||
	    (act.sa_flags & SA_SIGINFO) != 0 || act.sa_handler != was)
		return false;
	act = (struct sigaction){ .sa_handler = to };
	return sigaction(signo, &act, NULL) == 0;
}

static void
take(int signo, sigset_t *taken)
{
	if (change(signo, SIG_DFL, SIG_IGN))
		(void)sigaddset(taken, signo);
}

void
stray_ignore(sigset_t *ret_taken)
{
	sigset_t taken;

	(void)sigemptyset(&taken);
	for (size_t i = 0; i < N_STRAYS; i++)
		take(strays[i], &taken);
	for (int signo = SIGRTMIN; signo <= SIGRTMAX; signo++)
		take(signo, &taken);
	if (ret_taken != NULL)
		*ret_taken = taken;
}

void
stray_give_back(const sigset_t *taken)
{
	for (int signo = 1; signo <= SIGRTMAX; signo++)
		if (sigismember(taken, signo) == 1)
			(void)change(signo, SIG_IGN, SIG_DFL);
}
