#include "base/exe.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    access(path, X_OK) == 0;
}

/* Links are followed: what belongs to a program lies beside the file. */
static bool
resolve(const char *path, char ret[PATH_MAX])
{
	return realpath(path, ret) != NULL && is_program(ret);
}

static bool
by_proc(char ret[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", ret, PATH_MAX - 1);

	if (n <= 0)
		return false;
	ret[n] = '\0';
	return ret[0] == '/';
}

static const char *
path_of(char *const envp[])
{
	for (size_t i = 0; envp != NULL && envp[i] != NULL; i++)
		if (strncmp(envp[i], "PATH=", 5) == 0)
			return envp[i] + 5;
	return "";
}

/* A folder of PATH that is not absolute is passed over: what is found in the
 * folder that somebody happens to be in is not ours. */
static bool
by_path(const char *name, const char *folders, char ret[PATH_MAX])
{
	char path[PATH_MAX];

	while (*folders != '\0') {
		size_t n = strcspn(folders, ":");
		int r = snprintf(
		    path, sizeof(path), "%.*s/%s", (int)n, folders, name);

		if (*folders == '/' && r > 0 && (size_t)r < sizeof(path) &&
		    resolve(path, ret))
			return true;
		folders += n + (folders[n] == ':');
	}
	return false;
}

int
exe_find(const char *argv0, char *const envp[], char ret[PATH_MAX])
{
	if (by_proc(ret))
		return 0;
	if (argv0 != NULL && strchr(argv0, '/') != NULL && resolve(argv0, ret))
		return 0;
	if (argv0 != NULL && argv0[0] != '\0' && strchr(argv0, '/') == NULL &&
	    by_path(argv0, path_of(envp), ret))
		return 0;
	return resolve(BULKHEAD_BINDIR "/bulkhead", ret) ? 0 : ERR_NOT_FOUND;
}
