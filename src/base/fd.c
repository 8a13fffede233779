#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

void
fd_fill_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

bool
fd_put(int fd, const void *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = write(fd, (const char *)p + done, n - done);

		if (r > 0)
			done += (size_t)r;
		else if (r == 0 || errno != EINTR)
			return false;
	}
	return true;
}

ssize_t
fd_send(int sock, const void *p, size_t n, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.room);
	}
	return sendmsg(sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

size_t
fd_get(int fd, void *p, size_t n)
{
	return fd_get_at(fd, p, n, 0);
}

size_t
fd_get_at(int fd, void *p, size_t n, uint64_t from)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r =
		    pread(fd, (char *)p + done, n - done, (off_t)(from + done));

		if (r > 0)
			done += (size_t)r;
		else if (r == 0 || errno != EINTR)
			break;
	}
	return done;
}

int
fd_open_file(int dir, const char *path, int flags, const char **ret_why)
{
	int fd = openat(
	    dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		*ret_why = strerror(errno);
	else if (S_ISFIFO(st.st_mode))
		*ret_why = "is a FIFO, not a file";
	else
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}
