/*
 * waitid(2) shows the first child that is dead without burying it. If it is one
 * of ours it stands before all others until its watcher has seen it, which
 * takes a turn or two of the loop: so we come again a little later.
 */
#include "keeper/orphans.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define A_TURN 64u   /* buried before others have theirs */
#define AGAIN_MS 20u /* one of ours was in the way */

struct orphans {
	bool (*is_ours)(void *arg, pid_t pid);
	void *arg;
	struct timer *timer;
};

/* A child that is dead and not buried; 0: there is none. */
static pid_t
first_dead(void)
{
	siginfo_t si = { .si_pid = 0 };
	int r;

	do
		r = waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT);
	while (r != 0 && errno == EINTR);
	return r == 0 ? si.si_pid : 0;
}

static void
on_timer(void *arg)
{
	struct orphans *o = arg;

	for (unsigned i = 0; i < A_TURN; i++) {
		pid_t pid = first_dead();

		if (pid == 0)
			return;
		if (o->is_ours(o->arg, pid)) {
			timer_set(o->timer, AGAIN_MS);
			return;
		}
		(void)waitpid(pid, NULL, WNOHANG);
	}
	timer_set(o->timer, 0);
}

static void
on_child(void *arg)
{
	struct orphans *o = arg;

	timer_set(o->timer, 0);
}

int
orphans_new(struct loop *l, bool (*is_ours)(void *arg, pid_t pid), void *arg,
    struct orphans **ret)
{
	struct orphans *o;

	*ret = NULL;
	if (getpid() != 1)
		return 0;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return ERR_NOMEM;
	*o = (struct orphans){ .is_ours = is_ours, .arg = arg };
	o->timer = timer_new(l, on_timer, o);
	if (o->timer == NULL || loop_on_signal(l, SIGCHLD, on_child, o) != 0) {
		orphans_free(o);
		return ERR_NOMEM;
	}
	/* Some may have come with the program before us. */
	timer_set(o->timer, 0);
	*ret = o;
	return 0;
}

void
orphans_free(struct orphans *o)
{
	if (o == NULL)
		return;
	timer_free(o->timer);
	free(o);
}
