/*
 * args - the options of these small programs, as one table each.
 */
#ifndef BENCH_ARGS_H
#define BENCH_ARGS_H

#include <stdbool.h>
#include <stddef.h>

enum arg_kind {
	ARG_FLAG, /* bool */
	ARG_U32,  /* uint32_t */
	ARG_TEXT, /* const char *, which points into argv */
};

struct arg {
	const char *name; /* without -- */
	enum arg_kind kind;
	void *at; /* where the value goes */
	const char *help;
};

/* Reads argv by the table. --help prints it and exits 0; what is not
 * understood exits 2 after saying so on standard error. */
void args_parse(
    const struct arg *rows, size_t n, const char *about, int argc, char **argv);

#endif
