/*
 * filter - the filter of system calls: calls.h made into a program for the
 * kernel.
 */
#ifndef JAIL_FILTER_H
#define JAIL_FILTER_H

#include "jail/calls.h"
#include "jail/jail.h"

struct call {
	const char *name;
	enum call_rule rule;
	const char *why;
};

/* The rows of a kind's own table, or, for JAIL_NKINDS, those of all. */
const struct call *filter_calls(enum jail_kind kind, size_t *ret_n);

/* "answered ENOSYS"; never NULL. */
const char *filter_rule_text(enum call_rule rule);

/* For all threads of this process, for ever. Needs no_new_privs. 0, or -1 and
 * errno. */
int filter_enter(enum jail_kind kind);

#endif
