/*
 * folder - a folder for one test, with what it needs, swept away at the end.
 */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static inline int
folder_make(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/bulkhead-unit-XXXXXX");
	return mkdtemp(folder) == NULL;
}

static inline int
folder_unmake(void **state)
{
	char command[96];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

/* The path of a name in it; good until the eighth call after this. */
static inline const char *
in_folder(const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned at;
	char *path = paths[at++ % 8];

	(void)snprintf(path, PATH_MAX, "%s/%s", folder, name);
	return path;
}

static inline const char *
write_file(const char *name, const char *text, mode_t mode)
{
	const char *path = in_folder(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert(fd >= 0);
	assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	(void)fchmod(fd, mode);
	(void)close(fd);
	return path;
}

#endif
