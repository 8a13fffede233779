#include "autopsy/maps.h"

#include "autopsy/places.h"

#include "base/err.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RANGES_MAX 4096u

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
	ret->is_readable_file = ret->name[0] == '/' && places_have(ret->name);
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
