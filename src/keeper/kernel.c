#include "keeper/kernel.h"

#include "base/fd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
kernel_read(int dir, const char *name, char *ret, size_t n)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	ret[0] = '\0';
	if (fd < 0)
		return false;
	ret[fd_get(fd, ret, n - 1)] = '\0';
	(void)close(fd);
	return true;
}

uint64_t
kernel_number(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *at = text; at != NULL; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, key, n) == 0 && at[n] == ' ')
			return strtoull(at + n, NULL, 10);
	}
	return 0;
}
