/*
 * command - the commands of `bulkhead`. Each takes the program's name as
 * argv[0] and returns the exit status, of base/status.h, with one line on
 * standard error where that is not 0.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "conf/setting.h"

int run_main(int argc, char *const argv[], char *const envp[]);
int crashes_main(int argc, char *const argv[], char *const envp[]);
int status_main(int argc, char *const argv[], char *const envp[]);

/* Reads a command's words, then its variables; not those where is_help, one of
 * the values, was asked for. As settings_argv(). */
int command_read(struct settings *s, int argc, char *const argv[],
    char *const envp[], const bool *is_help, struct fail *f) MUST_CHECK;

/* "bulkhead run: ..." on standard error; returns status. */
int complain(const char *command, const char *text, int status);

#endif
