#include "front/listener.h"

#include "base/log.h"
#include "front/client.h"
#include "front/conn.h"
#include "front/front.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 64u /* a flood leaves the others their turn */
#define OPERATORS_MAX 4u   /* connections of the operator's, over the limit */
#define REST_MS 100u
#define UNSENT_MS 30000u /* TCP_USER_TIMEOUT: a peer that vanished */
#define PROBE_AFTER_S 20 /* keepalive: idle, then each, then how often */
#define PROBE_EVERY_S 5
#define PROBES 4
/* What the kernel holds unsent for a client. Its own limit is some megabytes:
 * a slow reader would take minutes to make room there, and look stalled. */
#define UNSENT_MAX (128 * 1024)

struct door {
	int (*accept)(struct front *f, int fd, uint32_t uid);
	struct str (*refusal)(void);
};

static const struct door doors[] = {
	[LISTEN_HTTP] = { http_accept, http_refusal },
	[LISTEN_RPC] = { rpc_accept, rpc_refusal },
};

/* Words that are not in TLS would be none to its client. */
static struct str
say_nothing(void)
{
	return STR("");
}

static const struct door *
door_of(const struct listener *l)
{
	static const struct door tls = { http_accept_tls, say_nothing };

	return l->is_tls ? &tls : &doors[l->kind];
}

static void
set_option(int fd, int level, int name, int value)
{
	/* These only help; a kernel without one serves as well. */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void
set_tcp_options(int fd, uint32_t stall_ms)
{
	/* It is for one who reads nothing too, whom we give stall_ms. */
	uint32_t unsent_ms = stall_ms > UNSENT_MS ? stall_ms : UNSENT_MS;

	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)unsent_ms);
	set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_MAX);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, PROBE_AFTER_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_EVERY_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
}

/* Out of descriptors: the one in reserve takes the connection off the backlog
 * so that its client hears why, instead of the loop spinning on it. False: not
 * even that goes now. The reserve is a copy of a descriptor, because a jailed
 * front opens nothing. */
static bool
refuse_with_reserve(struct listener *l)
{
	struct front *f = l->front;
	int fd;

	if (f->reserve_fd >= 0)
		(void)close(f->reserve_fd);
	fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		f->metrics.connections_refused_total++;
		refuse_now(fd, door_of(l)->refusal());
	}
	f->reserve_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	return fd >= 0;
}

/* Whether one more may come in. Who runs the server can look at it, and stop
 * what fills it, when it is full. */
static bool
has_room(const struct listener *l, int fd, uint32_t uid)
{
	const struct front *f = l->front;
	uint32_t max = f->config.max_clients;
	uint32_t more = max / 8 < OPERATORS_MAX ? max / 8 : OPERATORS_MAX;

	if (f->n_conns < max)
		return true;
	return l->is_unix && l->kind == LISTEN_RPC && f->n_conns < max + more &&
	    client_is_operator(fd, uid);
}

static void
take(struct listener *l, int fd, uint32_t uid)
{
	struct front *f = l->front;

	if (!l->is_unix)
		set_tcp_options(fd, f->config.stall_ms);
	if (!has_room(l, fd, uid)) {
		f->metrics.connections_refused_total++;
		refuse_fd(f, fd, door_of(l)->refusal());
		return;
	}
	f->metrics.connections_total++;
	if (door_of(l)->accept(f, fd, uid) != 0)
		log_warn("%s: no memory for a new connection", l->label);
}

/* It cannot accept now, and the loop would call it again and again. */
static void
rest(struct listener *l)
{
	if (watch_want(l->watch, 0) == 0)
		timer_set(l->pause, REST_MS);
}

static void
on_rested(void *arg)
{
	struct listener *l = arg;

	if (watch_want(l->watch, WATCH_READ) != 0)
		timer_set(l->pause, REST_MS);
}

static void
on_connection(void *arg, unsigned events)
{
	struct listener *l = arg;
	struct front *f = l->front;

	(void)events;
	for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd =
		    accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			take(l, fd, UID_UNTOLD);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			break;
		else if (errno == EINTR || errno == ECONNABORTED)
			continue;
		else if ((errno != EMFILE && errno != ENFILE) ||
		    !refuse_with_reserve(l)) {
			rest(l);
			break;
		}
	}
	conn_turn(f);
}

static void
listener_free(struct listener *l)
{
	list_remove(&l->link);
	watch_free(l->watch);
	timer_free(l->pause);
	(void)close(l->fd);
	free(l->label);
	free(l);
}

int
listener_add(struct front *f, const struct front_listen *msg, int fd)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		(void)close(fd);
		return ERR_NOMEM;
	}
	*l = (struct listener){ .front = f,
		.fd = fd,
		.number = msg->listener,
		.kind = msg->kind,
		.is_unix = msg->is_unix != 0,
		.is_tls = msg->is_tls != 0,
		.is_by_keeper = msg->by_keeper != 0,
		.label = str_dup(msg->label) };
	list_append(&f->listeners, &l->link);
	l->watch = watch_new(f->loop, fd, on_connection, l);
	l->pause = timer_new(f->loop, on_rested, l);
	if (l->watch == NULL || l->pause == NULL || l->label == NULL) {
		listener_free(l);
		return ERR_NOMEM;
	}
	return 0;
}

void
listener_open_all(struct front *f)
{
	struct list *it, *next;

	LIST_EACH (it, next, &f->listeners) {
		struct listener *l = LIST_ENTRY(it, struct listener, link);

		if (!l->is_by_keeper)
			on_rested(l);
	}
}

/* One that came when we had begun to drain finds none. */
void
listener_take(struct front *f, const struct front_client *c, int fd)
{
	struct list *it, *next;

	LIST_EACH (it, next, &f->listeners) {
		struct listener *l = LIST_ENTRY(it, struct listener, link);

		if (!l->is_by_keeper || l->number != c->listener)
			continue;
		take(l, fd, c->uid);
		return;
	}
	(void)close(fd);
}

void
listener_free_all(struct front *f)
{
	while (!list_empty(&f->listeners))
		listener_free(
		    LIST_ENTRY(f->listeners.next, struct listener, link));
}
