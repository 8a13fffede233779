#include "conf/userdir.h"

#include <stdio.h>
#include <string.h>

static const char *
variable(char *const envp[], const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; envp != NULL && envp[i] != NULL; i++)
		if (strncmp(envp[i], name, n) == 0 && envp[i][n] == '=')
			return envp[i] + n + 1;
	return NULL;
}

static bool
fits(int r)
{
	return r > 0 && r < PATH_MAX;
}

bool
userdir_find(const char *wish, const struct userdir_place *places, size_t n,
    char *const envp[], char ret[PATH_MAX])
{
	if (wish != NULL)
		return strcmp(wish, "none") != 0 &&
		    fits(snprintf(ret, PATH_MAX, "%s", wish));
	for (size_t i = 0; i < n; i++) {
		const char *v = variable(envp, places[i].variable);

		/* systemd separates more than one by colons. */
		if (v != NULL && v[0] == '/')
			return fits(snprintf(ret, PATH_MAX, "%.*s/%s",
			    (int)strcspn(v, ":"), v, places[i].below));
	}
	return false;
}

bool
userdir_prompt_caches(const char *wish, char *const envp[], char ret[PATH_MAX])
{
	static const struct userdir_place places[] = {
		{ "CACHE_DIRECTORY", "prompt-caches" },
		{ "XDG_CACHE_HOME", "bulkhead/prompt-caches" },
		{ "HOME", ".cache/bulkhead/prompt-caches" },
	};

	return userdir_find(
	    wish, places, sizeof(places) / sizeof(places[0]), envp, ret);
}
