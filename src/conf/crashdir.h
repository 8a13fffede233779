/*
 * crashdir - where obituaries are kept, for who writes and who reads them.
 */
#ifndef CONF_CRASHDIR_H
#define CONF_CRASHDIR_H

#include <limits.h>
#include <stdbool.h>

/* wish: of --crash-dir, or NULL. Else $STATE_DIRECTORY/crashes (systemd's),
 * else $XDG_STATE_HOME/bulkhead/crashes, else the same in ~/.local/state, else
 * a folder of this user's in /tmp. envp may be NULL. False for "none", and
 * where the path is too long. Nothing is made or looked at. */
bool crashdir_find(const char *wish, char *const envp[], char ret[PATH_MAX]);

/* Where a service keeps them, for who reads as another user. */
#define CRASHDIR_SERVICE "/var/lib/bulkhead/crashes"

#endif
