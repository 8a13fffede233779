#include "keeper/notify.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *
socket_of(char *const envp[])
{
	static const char name[] = "NOTIFY_SOCKET=";

	for (size_t i = 0; envp != NULL && envp[i] != NULL; i++)
		if (strncmp(envp[i], name, sizeof(name) - 1) == 0)
			return envp[i] + sizeof(name) - 1;
	return "";
}

void
notify(char *const envp[], const char *state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const char *path = socket_of(envp);
	size_t n = strlen(path);
	int fd;

	if (n < 2 || n >= sizeof(sa.sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(sa.sun_path, path, n);
	/* "@" stands for the NUL of an abstract name. */
	if (path[0] == '@')
		sa.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL,
	    (struct sockaddr *)&sa,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	(void)close(fd);
}
