#include "keeper/allow.h"

#include "keeper/keyfile.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALLOW_MAX 256u /* of users, and of groups */
#define GROUPS_FEW 64u /* of a user, before memory is asked for */

struct allow {
	uid_t users[ALLOW_MAX];
	gid_t groups[ALLOW_MAX];
	size_t n_users;
	size_t n_groups;
};

static bool
is_number(const char *s, uint32_t *ret)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(s, &end, 10);
	*ret = (uint32_t)v;
	return s[0] >= '0' && s[0] <= '9' && *end == '\0' && errno == 0 &&
	    v < UINT32_MAX;
}

static int
add_user(struct allow *a, const char *name, struct fail *f)
{
	struct passwd *p;
	uint32_t n;

	if (!is_number(name, &n)) {
		p = getpwnam(name);
		if (p == NULL)
			return fail_set(f, ERR_INVALID, "socket-allow",
			    "--socket-allow: there is no user \"%.64s\"", name);
		n = p->pw_uid;
	}
	a->users[a->n_users++] = n;
	return 0;
}

static int
add_group(struct allow *a, const char *name, struct fail *f)
{
	struct group *g;
	uint32_t n;

	if (!is_number(name, &n)) {
		g = getgrnam(name);
		if (g == NULL)
			return fail_set(f, ERR_INVALID, "socket-allow",
			    "--socket-allow: there is no group \"%.64s\"",
			    name);
		n = g->gr_gid;
	}
	a->groups[a->n_groups++] = n;
	return 0;
}

static int
add(struct allow *a, struct str word, struct fail *f)
{
	char name[72];

	if (word.n == 0 || word.n >= sizeof(name))
		return fail_set(f, ERR_INVALID, "socket-allow",
		    "--socket-allow: must be users and @groups with commas "
		    "between them");
	if (a->n_users == ALLOW_MAX || a->n_groups == ALLOW_MAX)
		return fail_set(f, ERR_INVALID, "socket-allow",
		    "--socket-allow: may have %u users and %u groups",
		    ALLOW_MAX, ALLOW_MAX);
	memcpy(name, word.p, word.n);
	name[word.n] = '\0';
	return name[0] == '@' ? add_group(a, name + 1, f)
			      : add_user(a, name, f);
}

int
allow_new(const struct strings *given, struct allow **ret, struct fail *f)
{
	struct allow *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return fail_set(f, ERR_NOMEM, NULL, "out of memory");
	for (size_t i = 0; i < given->n; i++) {
		struct str list = str_of(given->v[i]), one;

		while (keyfile_next(&list, &one)) {
			int err = add(a, one, f);

			if (err == 0)
				continue;
			free(a);
			return err;
		}
	}
	*ret = a;
	return 0;
}

void
allow_free(struct allow *a)
{
	free(a);
}

bool
allow_is_set(const struct allow *a)
{
	return a->n_users + a->n_groups > 0;
}

static bool
has_group(const struct allow *a, gid_t g)
{
	for (size_t i = 0; i < a->n_groups; i++)
		if (a->groups[i] == g)
			return true;
	return false;
}

static bool
has_any(const struct allow *a, const gid_t *groups, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (has_group(a, groups[i]))
			return true;
	return false;
}

/* Groups beside the first; a user may have thousands. */
static bool
has_other_group(const struct allow *a, int fd)
{
	gid_t few[GROUPS_FEW];
	socklen_t size = sizeof(few);
	gid_t *many;
	bool has;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, few, &size) == 0)
		return has_any(a, few, size / sizeof(few[0]));
	if (errno != ERANGE)
		return false;
	many = malloc(size);
	has = many != NULL &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, many, &size) == 0 &&
	    has_any(a, many, size / sizeof(many[0]));
	free(many);
	return has;
}

bool
allow_fd(const struct allow *a, int fd)
{
	struct ucred who;
	socklen_t n = sizeof(who);

	if (!allow_is_set(a))
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
		return false;
	if (who.uid == 0 || who.uid == geteuid())
		return true;
	for (size_t i = 0; i < a->n_users; i++)
		if (a->users[i] == who.uid)
			return true;
	return has_group(a, who.gid) ||
	    (a->n_groups > 0 && has_other_group(a, fd));
}
