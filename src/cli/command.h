/*
 * command - the commands of `bulkhead`. Each takes its own name as argv[0] and
 * returns the exit status: 0, 1 for a failure (one line on standard error), 2
 * for a command line that makes no sense.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#define EXIT_USAGE 2

int run_main(int argc, char *const argv[], char *const envp[]);
int status_main(int argc, char *const argv[], char *const envp[]);

/* "bulkhead run: ..." on standard error; returns status. */
int complain(const char *command, const char *text, int status);

#endif
