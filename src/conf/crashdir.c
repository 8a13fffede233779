#include "conf/crashdir.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
crashdir_find(const char *wish, char *const envp[], char ret[PATH_MAX])
{
	static const struct {
		const char *variable;
		const char *below;
	} places[] = {
		{ "STATE_DIRECTORY", "crashes" },
		{ "XDG_STATE_HOME", "bulkhead/crashes" },
		{ "HOME", ".local/state/bulkhead/crashes" },
	};

	if (wish != NULL)
		return strcmp(wish, "none") != 0 &&
		    fits(snprintf(ret, PATH_MAX, "%s", wish));
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *v = variable(envp, places[i].variable);

		/* systemd separates more than one by colons. */
		if (v != NULL && v[0] == '/')
			return fits(snprintf(ret, PATH_MAX, "%.*s/%s",
			    (int)strcspn(v, ":"), v, places[i].below));
	}
	return fits(snprintf(
	    ret, PATH_MAX, "/tmp/bulkhead-crashes-%u", (unsigned)geteuid()));
}
