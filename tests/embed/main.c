/*
 * embed - a program that embeds the launcher, and calls it as EMBED_CASE says:
 *
 *   null-argv      argv is NULL, though argc is not 0
 *   null-envp      envp is NULL
 *   null-entries   every other entry of argv is NULL, and envp's first
 *   all-null       both are NULL
 *   as-is          with what main got
 *   thread         the same, from a second thread
 *   child          the same, with a child that is dead before: its status must
 *                  still be there afterwards, or ours is 3
 */
#include "bulkhead.h"

#include <err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct call {
	int argc;
	char **argv;
	char **envp;
	int status;
};

static char *nothing[] = { NULL };

static void *
serve(void *arg)
{
	struct call *c = arg;

	c->status = bulkhead_serve(c->argc, c->argv, c->envp);
	return NULL;
}

static void
interleave(struct call *c)
{
	int n = c->argc;
	char **argv = calloc(2 * (size_t)n + 1, sizeof(*argv));

	if (argv == NULL)
		err(2, "argv");
	for (int i = 0; i < n; i++)
		argv[2 * i + 1] = c->argv[i];
	/* What would be the program's name is NULL; so is main's own. */
	argv[1] = NULL;
	c->argc = 2 * n;
	c->argv = argv;
	c->envp = nothing;
}

/* Whether a child of the program's own is still the program's to bury. */
static int
serve_beside_child(struct call *c)
{
	pid_t pid = fork();
	siginfo_t si;
	int status = 0;

	if (pid == 0)
		_exit(7);
	if (pid < 0 || waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) != 0)
		err(2, "child");
	(void)serve(c);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != 7)
		return 3;
	return c->status;
}

int
main(int argc, char *argv[], char *envp[])
{
	struct call c = { argc, argv, envp, -1 };
	const char *how = getenv("EMBED_CASE");
	pthread_t thread;

	if (how == NULL)
		errx(2, "EMBED_CASE is not set");
	if (strcmp(how, "null-argv") == 0 || strcmp(how, "all-null") == 0)
		c.argv = NULL;
	if (strcmp(how, "null-envp") == 0 || strcmp(how, "all-null") == 0)
		c.envp = NULL;
	if (strcmp(how, "null-entries") == 0)
		interleave(&c);
	if (strcmp(how, "child") == 0)
		return serve_beside_child(&c);
	if (strcmp(how, "thread") == 0) {
		if (pthread_create(&thread, NULL, serve, &c) != 0 ||
		    pthread_join(thread, NULL) != 0)
			errx(2, "thread");
	} else {
		(void)serve(&c);
	}
	if (strcmp(how, "null-entries") == 0)
		free(c.argv);
	return c.status;
}
