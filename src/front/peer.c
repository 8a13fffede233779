#include "front/peer.h"

#include "front/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

static void
name_internet_peer(const struct sockaddr_storage *a, char ret[PEER_SIZE])
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
	bool is_v6 = a->ss_family == AF_INET6;
	char text[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(a->ss_family,
	    is_v6 ? (const void *)&v6->sin6_addr : &v4->sin_addr, text,
	    sizeof(text));
	(void)snprintf(ret, PEER_SIZE, is_v6 ? "[%s]:%u" : "%s:%u", text,
	    ntohs(is_v6 ? v6->sin6_port : v4->sin_port));
}

void
peer_name(int fd, uint32_t uid, char ret[PEER_SIZE])
{
	struct sockaddr_storage a = { .ss_family = AF_UNSPEC };
	socklen_t n = sizeof(a);
	struct ucred who;

	(void)snprintf(ret, PEER_SIZE, "somebody");
	if (getpeername(fd, (struct sockaddr *)&a, &n) != 0)
		return;
	if (a.ss_family == AF_INET || a.ss_family == AF_INET6)
		name_internet_peer(&a, ret);
	n = sizeof(who);
	if (a.ss_family == AF_UNIX &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0)
		(void)snprintf(ret, PEER_SIZE, "uid %u, pid %d",
		    uid != UID_UNTOLD ? uid : (unsigned)who.uid, (int)who.pid);
}
