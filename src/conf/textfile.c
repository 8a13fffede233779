#include "conf/textfile.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE 4096u

static int
refuse(const char *option, const char *path, const char *why, struct fail *f)
{
	return fail_set(
	    f, ERR_FILE, option, "--%s: %.200s: %s", option, path, why);
}

static int
read_all(int fd, struct buf *b)
{
	ssize_t n;

	do {
		uint8_t *p = buf_reserve(b, 1);
		size_t room = b->max - b->len < PIECE ? b->max - b->len : PIECE;

		if (p != NULL)
			p = buf_reserve(b, room);
		if (p == NULL)
			return buf_err(b);
		n = read(fd, p, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		buf_commit(b, (size_t)n);
	} while (n != 0);
	return 0;
}

int
textfile_read(
    const char *option, const char *path, struct buf *b, struct fail *f)
{
	const char *why = NULL;
	char size[64];
	int fd = fd_open_file(AT_FDCWD, path, 0, &why);
	int err;

	if (fd < 0)
		return refuse(option, path, why, f);
	err = read_all(fd, b);
	(void)snprintf(
	    size, sizeof(size), "is too large: over %zuK", b->max / 1024);
	if (err == ERR_IO)
		err = refuse(option, path, strerror(errno), f);
	else if (err != 0)
		err = refuse(
		    option, path, err == ERR_NOMEM ? "out of memory" : size, f);
	(void)close(fd);
	return err;
}
