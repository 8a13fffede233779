#include "keeper/mask.h"

#include <signal.h>
#include <stddef.h>

/* The first ones a person sends. */
static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGIO };
#define N_SIGNALS (sizeof(signals) / sizeof(signals[0]))
#define N_SENT 3u

static void
mask(int how, size_t n)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < n; i++)
		(void)sigaddset(&set, signals[i]);
	(void)sigprocmask(how, &set, NULL);
}

void
mask_lift(void)
{
	mask(SIG_UNBLOCK, N_SIGNALS);
}

void
mask_sent(void)
{
	mask(SIG_BLOCK, N_SENT);
}
