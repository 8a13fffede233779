/*
 * userdir - folders of the user who runs the server, where nobody has named
 * one: by the variables of systemd and of the XDG base directories.
 */
#ifndef CONF_USERDIR_H
#define CONF_USERDIR_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct userdir_place {
	const char *variable; /* of systemd's, one or more with colons */
	const char *below;    /* what stands behind its value */
};

/* wish: what a person named, or NULL; else the first of those places whose
 * variable is an absolute path. False for "none", where there is no such place,
 * and if it is too long. envp may be NULL. Nothing is made or looked at. */
bool userdir_find(const char *wish, const struct userdir_place *places,
    size_t n, char *const envp[], char ret[PATH_MAX]);

/* wish: of --prompt-cache-dir, or NULL. Else $CACHE_DIRECTORY/prompt-caches
 * (systemd's), else bulkhead/prompt-caches in $XDG_CACHE_HOME, else in
 * ~/.cache. False for "none", and where there is no such place. */
bool userdir_prompt_caches(
    const char *wish, char *const envp[], char ret[PATH_MAX]);

#endif
