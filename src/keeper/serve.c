#include "bulkhead.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/status.h"
#include "base/stray.h"
#include "conf/conf.h"
#include "keeper/keeper.h"

#include <signal.h>
#include <stdio.h>

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
	return fflush(stdout) == 0 ? STATUS_DONE : STATUS_FAILED;
}

/* Of what conf_read() said. */
static enum status
status_of(int err)
{
	if (err == ERR_INVALID)
		return STATUS_USAGE;
	return err == ERR_FILE ? STATUS_FILE : STATUS_FAILED;
}

static bool
is_question(const struct conf *c)
{
	return c->help || c->help_all || c->help_man || c->version;
}

static int
serve(struct conf *conf, int argc, char *const argv[], char *const envp[])
{
	void (*was)(int) = signal(SIGPIPE, SIG_IGN);
	sigset_t strays;
	int status;

	/* An ignored SIGCHLD would reap our children behind our back. */
	(void)signal(SIGCHLD, SIG_DFL);
	stray_ignore(&strays);
	/* A log that nobody reads is no reason to wait. */
	log_never_wait();
	status = keeper_run(conf, argc, argv, envp);
	stray_give_back(&strays);
	if (was != SIG_ERR)
		(void)signal(SIGPIPE, was);
	return status;
}

int
bulkhead_serve(int argc, char *const argv[], char *const envp[])
{
	struct conf conf;
	struct fail f = { .text = "" };
	int status;
	int err;

	fd_fill_standard();
	log_init("bulkhead", LOG_INFO);
	err = conf_read(&conf, argc < 0 ? 0 : argc, argv, envp, &f);
	if (err != 0) {
		log_error("%s", f.text);
		status = status_of(err);
	} else if (is_question(&conf)) {
		status = answer(&conf);
	} else {
		log_init("bulkhead", (enum log_level)conf.log_level);
		warn_of_nulls(argc, argv, envp);
		status = serve(&conf, argc < 0 ? 0 : argc, argv, envp);
	}
	conf_done(&conf);
	return status;
}
