#include "bulkhead.h"

#include "base/fd.h"
#include "base/log.h"
#include "conf/conf.h"
#include "keeper/keeper.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* A caller that embeds us may pass anything; what is missing is left out. */
static void
warn_of_nulls(int argc, char *const argv[], char *const envp[])
{
	if (argv == NULL && argc > 0)
		log_warn("argv is NULL: serving with the defaults");
	else if (argv == NULL || argc <= 0)
		log_warn("no arguments, not even a name: serving with the "
			 "defaults");
	for (int i = 0; argv != NULL && i < argc; i++)
		if (argv[i] == NULL)
			log_warn("argv[%d] is NULL: passed over", i);
	if (envp == NULL)
		log_warn("envp is NULL: no environment is read");
}

static int
answer(const struct conf *conf)
{
	if (conf->version)
		(void)puts("bulkhead " BULKHEAD_VERSION);
	else
		conf_help(conf, stdout);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool
is_question(const struct conf *c)
{
	return c->help || c->help_all || c->help_man || c->version;
}

static int
serve(struct conf *conf, char *const envp[])
{
	void (*was)(int) = signal(SIGPIPE, SIG_IGN);
	int status;

	/* An ignored SIGCHLD would reap our children behind our back. */
	(void)signal(SIGCHLD, SIG_DFL);
	status = keeper_run(conf, envp);
	if (was != SIG_ERR)
		(void)signal(SIGPIPE, was);
	return status;
}

int
bulkhead_serve(int argc, char *const argv[], char *const envp[])
{
	struct conf conf;
	struct fail f = { .text = "" };
	int status = 2;

	fd_fill_standard();
	log_init("bulkhead", LOG_INFO);
	if (conf_read(&conf, argc < 0 ? 0 : argc, argv, envp, &f) != 0) {
		log_error("%s", f.text);
	} else if (is_question(&conf)) {
		status = answer(&conf);
	} else {
		log_init("bulkhead", (enum log_level)conf.log_level);
		warn_of_nulls(argc, argv, envp);
		status = serve(&conf, envp);
	}
	conf_done(&conf);
	return status;
}
