#include "autopsy/maps.h"

#include "base/err.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RANGES_MAX 4096u

/* The dead process wrote the names, and may have been anybody's by then. A
 * file is parsed only where users cannot put theirs: in the system's folders,
 * and beside our own program. A model is in none of them. */
static const char *const folders[] = { "/usr/", "/lib/", "/lib64/", "/opt/",
	"/nix/store/" };

static bool
is_below(const char *path, const char *folder)
{
	return strncmp(path, folder, strlen(folder)) == 0;
}

/* The folder above that of our executable: bin/ and lib/ are in it. */
static bool
is_ours(const char *path)
{
	static char own[PATH_MAX];
	char *slash = NULL;
	ssize_t n;

	if (own[0] == '\0') {
		n = readlink("/proc/self/exe", own, sizeof(own) - 2);
		own[n > 0 ? n : 0] = '\0';
		for (int i = 0; i < 2; i++)
			if ((slash = strrchr(own, '/')) != NULL)
				*slash = '\0';
		if (slash == NULL || slash == own)
			return false;
		(void)strcat(own, "/");
	}
	return own[0] == '/' && is_below(path, own);
}

/* The engine's libraries may be anywhere; ours load from one link. */
static bool
is_engine(const char *path)
{
	static char engine[PATH_MAX];
	char link[PATH_MAX];
	char *slash;
	ssize_t n;

	if (engine[0] == '\0') {
		n = readlink("/proc/self/exe", link, sizeof(link) - 64);
		link[n > 0 ? n : 0] = '\0';
		slash = strrchr(link, '/');
		if (slash == NULL)
			return false;
		(void)strcpy(slash, "/../lib/bulkhead");
		if (realpath(link, engine) == NULL)
			(void)strcpy(engine, "-");
		else
			(void)strcat(engine, "/");
	}
	return engine[0] == '/' && is_below(path, engine);
}

static bool
may_open(const char *path)
{
	struct stat st;
	bool is_known = is_ours(path) || is_engine(path);

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		is_known |= is_below(path, folders[i]);
	return is_known && strstr(path, "/../") == NULL &&
	    lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool
read_line(const char *line, struct range *ret)
{
	char mode[5] = "";
	int at = 0;

	*ret = (struct range){ .from = 0 };
	if (sscanf(line,
		"%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*x:%*x %*u %n",
		&ret->from, &ret->to, mode, &ret->offset, &at) < 4 ||
	    at == 0 || ret->from >= ret->to)
		return false;
	ret->is_code = mode[2] == 'x';
	(void)snprintf(ret->name, sizeof(ret->name), "%s", line + at);
	ret->is_readable_file = ret->name[0] == '/' && may_open(ret->name);
	return true;
}

int
maps_read(struct maps *ret, const char *text, size_t n)
{
	char line[512];
	size_t at = 0;

	*ret = (struct maps){ calloc(RANGES_MAX, sizeof(*ret->v)), 0 };
	if (ret->v == NULL)
		return ERR_NOMEM;
	while (at < n && ret->n < RANGES_MAX) {
		const char *end = memchr(text + at, '\n', n - at);
		size_t len = end == NULL ? n - at : (size_t)(end - text) - at;

		if (len < sizeof(line)) {
			(void)memcpy(line, text + at, len);
			line[len] = '\0';
			if (read_line(line, &ret->v[ret->n]))
				ret->n++;
		}
		at += len + 1;
	}
	return 0;
}

void
maps_done(struct maps *m)
{
	free(m->v);
}

const struct range *
maps_find(const struct maps *m, uint64_t at)
{
	for (size_t i = 0; i < m->n; i++)
		if (at >= m->v[i].from && at < m->v[i].to)
			return &m->v[i];
	return NULL;
}

int
maps_write(const struct maps *m, FILE *out)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct range *r = &m->v[i];
		struct stat st;

		if (!r->is_readable_file || stat(r->name, &st) != 0)
			continue;
		(void)fprintf(out,
		    "%" PRIx64 "-%" PRIx64 " r-xp %08" PRIx64 " 00:01 %ju %s\n",
		    r->from, r->to, r->offset, (uintmax_t)st.st_ino, r->name);
	}
	return fflush(out) == 0 ? 0 : ERR_NOMEM;
}
