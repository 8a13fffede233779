#include "conf/crashdir.h"

#include "conf/userdir.h"

#include <stdio.h>
#include <unistd.h>

bool
crashdir_find(const char *wish, char *const envp[], char ret[PATH_MAX])
{
	static const struct userdir_place places[] = {
		{ "STATE_DIRECTORY", "crashes" },
		{ "XDG_STATE_HOME", "bulkhead/crashes" },
		{ "HOME", ".local/state/bulkhead/crashes" },
	};
	int n;

	if (userdir_find(
		wish, places, sizeof(places) / sizeof(places[0]), envp, ret))
		return true;
	if (wish != NULL)
		return false;
	n = snprintf(
	    ret, PATH_MAX, "/tmp/bulkhead-crashes-%u", (unsigned)geteuid());
	return n > 0 && n < PATH_MAX;
}
