#include "cli/command.h"

#include <stdio.h>

int
complain(const char *command, const char *text, int status)
{
	(void)fprintf(stderr, "bulkhead %s: %s\n", command, text);
	return status;
}
