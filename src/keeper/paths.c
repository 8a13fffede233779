#include "keeper/paths.h"

#include "base/exe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From the folder of the executable: installed (and in a build folder), in the
 * source tree. */
static const char *const demo_places[] = {
	"../share/bulkhead/demo.gguf",
	"../../models/demo/demo.gguf",
};

static int
own_folder(
    const char *argv0, char *const envp[], char ret[PATH_MAX], struct fail *f)
{
	char *slash;

	if (exe_find(argv0, envp, ret) != 0)
		return fail_set(f, ERR_FILE, "libexec",
		    "cannot find out where this program is: there is no /proc, "
		    "it is not in PATH as \"%.100s\" and not in %s; "
		    "--libexec DIR says where bulkhead-front is",
		    argv0 != NULL ? argv0 : "", BULKHEAD_BINDIR);
	slash = strrchr(ret, '/');
	if (slash != NULL)
		*slash = '\0';
	return 0;
}

static int
find_program(
    const char *folder, const char *name, char *ret, size_t n, struct fail *f)
{
	int r = snprintf(ret, n, "%s/%s", folder, name);

	if (r < 0 || (size_t)r >= n)
		return fail_set(
		    f, ERR_FILE, "libexec", "--libexec: the path is too long");
	if (access(ret, X_OK) != 0)
		return fail_set(f, ERR_FILE, "libexec",
		    "%.240s: %s; "
		    "--libexec DIR says where it is",
		    ret, strerror(errno));
	return 0;
}

/* Nothing depends on it, and who brings a worker of their own need not bring
 * this. */
static void
find_helper(
    const char *libexec, const char *own, const char *name, char ret[PATH_MAX])
{
	if (find_program(libexec, name, ret, PATH_MAX, NULL) != 0 &&
	    find_program(own, name, ret, PATH_MAX, NULL) != 0)
		ret[0] = '\0';
}

static void
find_demo(const char *folder, char ret[PATH_MAX])
{
	size_t places = sizeof(demo_places) / sizeof(demo_places[0]);
	char path[PATH_MAX];

	for (size_t i = 0; i < places; i++) {
		int r = snprintf(
		    path, sizeof(path), "%s/%s", folder, demo_places[i]);

		if (r > 0 && (size_t)r < sizeof(path) &&
		    realpath(path, ret) != NULL && access(ret, R_OK) == 0)
			return;
	}
	ret[0] = '\0';
}

int
paths_find(const char *libexec, const char *argv0, char *const envp[],
    struct paths *ret, struct fail *f)
{
	char own[PATH_MAX];
	int err = own_folder(argv0, envp, own, f);

	if (err != 0)
		own[0] = '\0';
	if (err != 0 && libexec == NULL)
		return err;
	if (libexec == NULL)
		libexec = own;
	if (err == 0)
		find_demo(own, ret->demo);
	else
		ret->demo[0] = '\0';
	ret->origin[0] = '\0';
	if (access("/proc/self/exe", F_OK) != 0)
		(void)snprintf(ret->origin, sizeof(ret->origin),
		    "LD_ORIGIN_PATH=%s", libexec);
	find_helper(libexec, own, "bulkhead-autopsy", ret->autopsy);
	find_helper(libexec, own, "bulkhead-probe", ret->probe);
	err = find_program(
	    libexec, "bulkhead-front", ret->front, sizeof(ret->front), f);
	if (err != 0)
		return err;
	return find_program(
	    libexec, "bulkhead-worker", ret->worker, sizeof(ret->worker), f);
}
