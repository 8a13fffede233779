#include "cli/command.h"

#include <stdio.h>

int
command_read(struct settings *s, int argc, char *const argv[],
    char *const envp[], const bool *is_help, struct fail *f)
{
	int err = settings_argv(s, argc, argv, f);

	return err != 0 || *is_help ? err : settings_env(s, envp, f);
}

int
complain(const char *command, const char *text, int status)
{
	(void)fprintf(stderr, "bulkhead %s: %s\n", command, text);
	return status;
}
