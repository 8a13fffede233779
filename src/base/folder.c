#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Some file systems refuse before they see that it is there. */
static int
make_one(const char *path, struct fail *f)
{
	struct stat st;
	int error;

	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	error = errno;
	if (stat(path, &st) == 0)
		return 0;
	return fail_set(f, ERR_FILE, "", "%.240s: cannot be made: %s", path,
	    strerror(error));
}

/* As mkdir -p. */
static int
make(const char *path, struct fail *f)
{
	char part[PATH_MAX];
	int err = 0;

	(void)snprintf(part, sizeof(part), "%s", path);
	for (char *p = part; err == 0 && *p != '\0'; p++) {
		if (*p != '/' || p == part)
			continue;
		*p = '\0';
		err = make_one(part, f);
		*p = '/';
	}
	return err != 0 ? err : make_one(part, f);
}

static int
check(int fd, const char *path, struct fail *f)
{
	const char *why = NULL;
	struct stat st;

	if (fstat(fd, &st) != 0)
		why = strerror(errno);
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		why = "belongs to somebody else";
	else if (st.st_mode & S_IWOTH)
		why = "everybody may write there";
	if (why == NULL)
		return 0;
	return fail_set(f, ERR_FILE, "", "%.240s: %s", path, why);
}

int
folder_open(const char *path, int *ret, struct fail *f)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	int fd = open(path, flags);
	int err = 0;

	if (fd < 0 && errno == ENOENT) {
		err = make(path, f);
		if (err != 0)
			return err;
		fd = open(path, flags);
	}
	if (fd < 0)
		return fail_set(
		    f, ERR_FILE, "", "%.240s: %s", path, strerror(errno));
	err = check(fd, path, f);
	if (err != 0)
		(void)close(fd);
	else
		*ret = fd;
	return err;
}
