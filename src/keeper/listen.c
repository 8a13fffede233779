#include "keeper/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static struct listener *
add(struct listeners *l, enum listen_kind kind, bool is_unix)
{
	struct listener *n = &l->v[l->n++];

	*n = (struct listener){
		.kind = kind,
		.is_unix = is_unix,
		.fd = -1,
		.sock = { .fd = -1, .lock = -1 },
	};
	return n;
}

static int
group_of(const struct conf *conf, gid_t *ret, struct fail *f)
{
	const char *name = conf->socket_group;
	struct group *g;
	unsigned long number;
	char *end;

	*ret = UNIXSOCK_ANY_GROUP;
	if (name == NULL)
		return 0;
	number = strtoul(name, &end, 10);
	*ret = (gid_t)number;
	if (*end == '\0' && number < UINT32_MAX)
		return 0;
	g = getgrnam(name);
	if (g == NULL)
		return fail_set(f, ERR_INVALID, "socket-group",
		    "--socket-group: there is no group \"%s\"", name);
	*ret = g->gr_gid;
	return 0;
}

static int
listen_unix(struct listeners *l, const struct conf *conf, enum listen_kind kind,
    const char *path, const char *option, struct fail *f)
{
	struct listener *n;
	gid_t group;
	int err = group_of(conf, &group, f);

	if (err != 0)
		return err;
	n = add(l, kind, true);
	err =
	    unixsock_open(path, option, conf->socket_mode, group, &n->sock, f);
	if (err != 0) {
		l->n--;
		return err;
	}
	n->fd = n->sock.fd;
	(void)snprintf(n->label, sizeof(n->label), "%s", path);
	return 0;
}

static bool
parse_address(const char *host, uint16_t port, union address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons(port);
		return true;
	}
	return false;
}

static socklen_t
size_of(const union address *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

/* Port 0 has become a real one. */
static uint16_t
port_of(int fd)
{
	union address a = { .sa = { .sa_family = AF_UNSPEC } };
	socklen_t n = sizeof(a);

	if (getsockname(fd, &a.sa, &n) != 0)
		return 0;
	return ntohs(
	    a.sa.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

/* The descriptor, or -1 and errno. "::" takes IPv4 as well. */
static int
open_tcp(const union address *a)
{
	static const int yes = 1;
	int only = !IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
	int fd = socket(
	    a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (a->sa.sa_family == AF_INET6)
		(void)setsockopt(
		    fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
	if (bind(fd, &a->sa, size_of(a)) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

static int
cannot_listen(const char *host, unsigned port, int error, struct fail *f)
{
	const char *hint = "";

	if (error == EADDRINUSE)
		hint = "; another program has it: give another with --port, "
		       "or see ss -ltnp";
	else if (error == EACCES)
		hint = "; ports under 1024 are for root";
	else if (error == EADDRNOTAVAIL)
		hint = "; this machine has no such address";
	return fail_set(f, error == EADDRINUSE ? ERR_BUSY : ERR_IO, "port",
	    "cannot listen on %s port %u: %s%s", host, port, strerror(error),
	    hint);
}

static int
listen_tcp(struct listeners *l, const char *host, unsigned port, struct fail *f)
{
	union address a;
	struct listener *n;
	bool is_v6;
	int fd;

	if (!parse_address(host, (uint16_t)port, &a))
		return fail_set(f, ERR_INVALID, "host",
		    "--host: must be an "
		    "IP address, localhost, * or a path that ends in .sock, "
		    "not \"%.100s\"",
		    host);
	fd = open_tcp(&a);
	if (fd < 0)
		return cannot_listen(host, port, errno, f);
	n = add(l, LISTEN_HTTP, false);
	n->fd = fd;
	is_v6 = a.sa.sa_family == AF_INET6;
	(void)snprintf(n->label, sizeof(n->label), "http%s://%s%.100s%s:%u",
	    l->is_tls ? "s" : "", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
	    port_of(fd));
	return 0;
}

/* Names that stand for two addresses; the second is left out where the kernel
 * has no such thing. */
static int
listen_both(struct listeners *l, const char *first, const char *second,
    unsigned port, struct fail *f)
{
	int err = listen_tcp(l, first, port, f);

	if (second == NULL || (err != 0 && err != ERR_IO))
		return err;
	if (err == 0)
		port = port_of(l->v[l->n - 1].fd);
	if (listen_tcp(l, second, port, f) == ERR_BUSY)
		return ERR_BUSY;
	return l->n > 0 ? 0 : err;
}

static int
listen_http(struct listeners *l, const struct conf *conf, struct fail *f)
{
	const char *host = conf->host;
	size_t n = strlen(host);

	if (n > 5 && strcmp(host + n - 5, ".sock") == 0)
		return listen_unix(l, conf, LISTEN_HTTP, host, "host", f);
	if (strcmp(host, "localhost") == 0)
		return listen_both(l, "127.0.0.1", "::1", conf->port, f);
	/* "::" has IPv4 in it; without IPv6 there is 0.0.0.0. */
	if (strcmp(host, "*") == 0)
		return listen_tcp(l, "::", conf->port, f) == 0
		    ? 0
		    : listen_tcp(l, "0.0.0.0", conf->port, f);
	return listen_tcp(l, host, conf->port, f);
}

int
listen_all(const struct conf *conf, struct listeners *ret, struct fail *f)
{
	struct listeners l = { .is_tls = conf->ssl_cert_file != NULL };
	int err = 0;

	if (conf->rpc)
		err = listen_unix(
		    &l, conf, LISTEN_RPC, conf->rpc_socket, "rpc-socket", f);
	if (err == 0 && conf->http_socket != NULL)
		err = listen_unix(
		    &l, conf, LISTEN_HTTP, conf->http_socket, "http-socket", f);
	if (err == 0 && conf->http)
		err = listen_http(&l, conf, f);
	if (err != 0) {
		listen_close(&l);
		return err;
	}
	*ret = l;
	return 0;
}

void
listen_close(struct listeners *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].is_unix)
			unixsock_close(&l->v[i].sock);
		else
			(void)close(l->v[i].fd);
	}
	l->n = 0;
}
