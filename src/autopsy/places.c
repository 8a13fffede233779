#include "autopsy/places.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const of_system[] = { "/usr/", "/lib/", "/lib64/", "/opt/",
	"/nix/store/" };
#define N_SYSTEM (sizeof(of_system) / sizeof(of_system[0]))
#define LINK "/../lib/bulkhead"

static const char *places[PLACES_MAX];
static size_t n_places;

/* Puts an end to the path at its last slash; false if that is the root. */
static bool
go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path)
		return false;
	*slash = '\0';
	return true;
}

static void
add(const char *path)
{
	places[n_places++] = path;
}

/* The folder above that of our executable: bin/ and lib/ are in it. The
 * engine's libraries may be anywhere; ours load from one link. */
static void
find_ours(void)
{
	static char own[PATH_MAX];
	static char engine[PATH_MAX];
	char link[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - sizeof(LINK));

	if (n <= 0)
		return;
	own[n] = '\0';
	if (!go_up(own))
		return;
	(void)strcpy(link, own);
	(void)strcat(link, LINK);
	if (realpath(link, engine) != NULL && strlen(engine) < PATH_MAX - 1)
		add(strcat(engine, "/"));
	if (go_up(own))
		add(strcat(own, "/"));
}

static void
find(void)
{
	if (n_places > 0)
		return;
	for (size_t i = 0; i < N_SYSTEM; i++)
		add(of_system[i]);
	find_ours();
}

size_t
places_list(const char *ret[PLACES_MAX])
{
	find();
	for (size_t i = 0; i < n_places; i++)
		ret[i] = places[i];
	return n_places;
}

bool
places_have(const char *path)
{
	struct stat st;
	bool is_known = false;

	find();
	for (size_t i = 0; i < n_places; i++)
		is_known |= strncmp(path, places[i], strlen(places[i])) == 0;
	return is_known && strstr(path, "/../") == NULL &&
	    lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}
