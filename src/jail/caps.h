/*
 * caps - capabilities: few from the fork on, none from the last stage on.
 */
#ifndef JAIL_CAPS_H
#define JAIL_CAPS_H

#include <stdbool.h>

/* Whether this process has what it takes to become another user, and its
 * parent, with the same powers, to signal it then. */
bool caps_may_change_user(void);

/* Whether namespaces can be made without a user namespace first. */
bool caps_may_make_namespaces(void);

/* Leaves those that the last stage needs to lock itself in, also over exec: to
 * change the user only if told so. Async-signal-safe. 0, or -1 and errno. */
int caps_keep_few(bool to_change_user);

/* Lets none come back by exec. What is held stays held. */
void caps_bound_none(void);

/* Leaves none. For the calling thread. 0, or -1 and errno. */
int caps_drop_all(void);

#endif
