#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int
connect_to(int fd, const void *addr, size_t n)
{
	int saved;

	if (fd >= 0 && connect(fd, addr, (socklen_t)n) == 0)
		return fd;
	saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}

static int
connect_unix(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(un.sun_path, path);
	return connect_to(
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), &un, sizeof(un));
}

static int
connect_tcp(const char *to)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	const char *colon = strrchr(to, ':');
	char host[64];
	int fd, one = 1;

	if (colon == NULL || (size_t)(colon - to) >= sizeof(host)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(host, to, (size_t)(colon - to));
	host[colon - to] = '\0';
	in.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &in.sin_addr) != 1) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fd = connect_to(fd, &in, sizeof(in));
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

int
net_connect(const char *to)
{
	return strchr(to, '/') != NULL ? connect_unix(to) : connect_tcp(to);
}

int
net_send(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t done = send(fd, at, n, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		at += done;
		n -= (size_t)done;
	}
	return 0;
}
