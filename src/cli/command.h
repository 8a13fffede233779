/*
 * command - the commands of `bulkhead`. Each takes the program's name as
 * argv[0] and returns the exit status, of base/status.h, with one line on
 * standard error where that is not 0.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

int run_main(int argc, char *const argv[], char *const envp[]);
int crashes_main(int argc, char *const argv[], char *const envp[]);
int status_main(int argc, char *const argv[], char *const envp[]);

/* "bulkhead run: ..." on standard error; returns status. */
int complain(const char *command, const char *text, int status);

#endif
