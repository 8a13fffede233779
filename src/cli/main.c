/*
 * bulkhead - the command: what the first word says.
 */
#include "bulkhead.h"
#include "base/fd.h"
#include "base/status.h"
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

struct command {
	const char *name;
	int (*fn)(int argc, char *const argv[], char *const envp[]);
	const char *help;
};

static int help_main(int argc, char *const argv[], char *const envp[]);
static int version_main(int argc, char *const argv[], char *const envp[]);

static const struct command commands[] = {
	{ "serve", bulkhead_serve, "serve models over HTTP and JSON-RPC" },
	{ "run", run_main, "answer one prompt on the terminal" },
	{ "status", status_main, "what a running server does" },
	{ "crashes", crashes_main, "processes that died, and of what" },
	{ "version", version_main, "which Bulkhead this is" },
	{ "help", help_main, "this; help COMMAND: its options" },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *
find(const char *name)
{
	static const char *const aliases[][2] = {
		{ "--help", "help" },
		{ "-h", "help" },
		{ "--version", "version" },
	};

	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(name, aliases[i][0]) == 0)
			name = aliases[i][1];
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

static void
usage(FILE *out)
{
	(void)fputs(
	    "bulkhead - serves language models and keeps serving "
	    "while its parts fail\n\nusage: bulkhead COMMAND [options]\n",
	    out);
	for (size_t i = 0; i < N_COMMANDS; i++)
		(void)fprintf(
		    out, "  %-9s %s\n", commands[i].name, commands[i].help);
	(void)fputs(
	    "\nEach takes --help. examples:\n"
	    "  bulkhead run \"Once upon a time\"\n"
	    "  bulkhead serve -m model.gguf --port 8080\n"
	    "  curl localhost:8080/v1/completions -d '{\"prompt\":\"Once\"}'\n",
	    out);
}

/* "help run" is "run --help". */
static int
help_main(int argc, char *const argv[], char *const envp[])
{
	char *const ask[] = { (char *)"", (char *)"--help", NULL };
	const struct command *c = argc > 1 ? find(argv[1]) : NULL;

	if (c != NULL && c->fn != help_main && c->fn != version_main)
		return c->fn(2, ask, envp);
	usage(stdout);
	return STATUS_DONE;
}

static int
version_main(int argc, char *const argv[], char *const envp[])
{
	(void)argc;
	(void)argv;
	(void)envp;
	(void)puts("bulkhead " BULKHEAD_VERSION);
	return STATUS_DONE;
}

int
main(int argc, char *argv[], char *envp[])
{
	const struct command *c;

	fd_fill_standard();
	if (argc < 2) {
		usage(stderr);
		return STATUS_USAGE;
	}
	c = find(argv[1]);
	if (c == NULL) {
		(void)fprintf(stderr,
		    "bulkhead: there is no command \"%s\"; "
		    "bulkhead --help lists them\n",
		    argv[1]);
		return STATUS_USAGE;
	}
	/* Each finds the program's name where main finds it. */
	argv[1] = argv[0];
	return c->fn(argc - 1, argv + 1, envp);
}
