/*
 * space - namespaces: a process that sees nobody else's network, files, shared
 * memory, host name and cgroups.
 *
 * No namespace of process numbers: its first process, which a child of the
 * keeper's would be, ignores signals that it has no handler for, those of
 * abort() among them, so that a death no longer says what it died of; and its
 * own number would be 1 in every log. What it would hide, Landlock and the
 * filter refuse: no signal but to itself, no ptrace, no /proc.
 */
#ifndef JAIL_SPACE_H
#define JAIL_SPACE_H

#include "jail/report.h"

/* Makes what the machine allows. Async-signal-safe; for a process of one
 * thread. */
void space_enter(struct jail_report *r);

/* An empty, read-only root folder in place of all files, in a namespace of
 * mounts that is made for it; for the calling thread and those it will make.
 * 0, or -1 and errno. */
int space_empty_root(void);

#endif
