#include "keeper/doors.h"

#include "base/clock.h"
#include "base/log.h"
#include "keeper/allow.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* On their way to the front; as many are lost when it dies. */
#define ON_THEIR_WAY 16u
#define REST_MS 100u
#define LOG_MS 1000u
#define ACCEPTS_A_TURN 64u

struct door {
	struct doors *all;
	struct watch *watch; /* NULL: nothing for us */
	const struct listener *listener;
	uint32_t number;
};

struct doors {
	struct door v[LISTENERS_MAX];
	struct timer *rest;    /* after an accept that failed */
	struct process *front; /* NULL: closed */
	const struct entry *entry;
	uint64_t logged_ms; /* when one who was turned away was named last */
	uint32_t n_silent;  /* who came since, and were not */
	uint32_t n_under_way;
	bool is_resting;
};

bool
doors_are_wanted(const struct doors *d, const struct process *front)
{
	return allow_is_set(entry_allow(d->entry)) ||
	    process_jail(front)->layers[LAYER_USER_NS].state == LAYER_ON;
}

static void
watch_doors(struct doors *d)
{
	bool may =
	    d->front != NULL && !d->is_resting && d->n_under_way < ON_THEIR_WAY;

	for (size_t i = 0; i < LISTENERS_MAX; i++)
		if (d->v[i].watch != NULL &&
		    watch_want(d->v[i].watch, may ? WATCH_READ : 0) != 0)
			timer_set(d->rest, REST_MS);
}

static void
on_rested(void *arg)
{
	struct doors *d = arg;

	d->is_resting = false;
	watch_doors(d);
}

/* Out of descriptors or memory: the loop would call us again and again. */
static void
rest(struct doors *d)
{
	d->is_resting = true;
	timer_set(d->rest, REST_MS);
}

/* Who made the connection, whatever became of him since. One whom the kernel
 * does not name is nobody. */
static uint32_t
uid_of(int fd)
{
	struct ucred user;
	socklen_t n = sizeof(user);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &n) == 0
	    ? user.uid
	    : 65534;
}

/* One line in a while: whoever is not wanted does not fill the log either. */
static void
turn_away(struct doors *d, const struct door *door, int fd)
{
	uint64_t now = clock_ms();

	if (d->logged_ms != 0 && now - d->logged_ms < LOG_MS) {
		d->n_silent++;
	} else {
		log_warn("%s: user %u may not come in (--socket-allow); %u "
			 "others were turned away before",
		    door->listener->label, uid_of(fd), d->n_silent);
		d->logged_ms = now;
		d->n_silent = 0;
	}
	(void)close(fd);
}

/* A front that cannot be told is as good as dead: the others wait for the
 * next. */
static void
pass_on(struct doors *d, const struct door *door, int fd)
{
	struct front_client c = { door->number, uid_of(fd) };

	if (process_send(d->front, MSG_FRONT_CLIENT, &c, fd) == 0)
		d->n_under_way++;
	else
		d->front = NULL;
	(void)close(fd);
}

static void
on_connection(void *arg, unsigned events)
{
	struct door *door = arg;
	struct doors *d = door->all;

	(void)events;
	for (unsigned i = 0; i < ACCEPTS_A_TURN && d->front != NULL &&
	     d->n_under_way < ON_THEIR_WAY;
	     i++) {
		int fd = accept4(door->listener->fd, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			if (allow_fd(entry_allow(d->entry), fd))
				pass_on(d, door, fd);
			else
				turn_away(d, door, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			rest(d);
		break;
	}
	watch_doors(d);
}

struct doors *
doors_new(struct loop *l, const struct listeners *listeners,
    const struct entry *entry)
{
	struct doors *d = calloc(1, sizeof(*d));
	bool is_whole = d != NULL;

	if (d == NULL)
		return NULL;
	d->entry = entry;
	d->rest = timer_new(l, on_rested, d);
	for (size_t i = 0; i < listeners->n; i++) {
		struct door *door = &d->v[i];

		if (!listeners->v[i].is_unix)
			continue;
		*door = (struct door){ .all = d,
			.listener = &listeners->v[i],
			.number = (uint32_t)i };
		door->watch =
		    watch_new(l, listeners->v[i].fd, on_connection, door);
		is_whole = is_whole && door->watch != NULL;
	}
	if (is_whole && d->rest != NULL)
		return d;
	doors_free(d);
	return NULL;
}

void
doors_free(struct doors *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		watch_free(d->v[i].watch);
	timer_free(d->rest);
	free(d);
}

void
doors_open(struct doors *d, struct process *front)
{
	d->front = front;
	d->n_under_way = 0;
	watch_doors(d);
}

void
doors_close(struct doors *d)
{
	d->front = NULL;
	watch_doors(d);
}

int
doors_took(struct doors *d)
{
	if (d->n_under_way == 0)
		return ERR_PROTO;
	d->n_under_way--;
	watch_doors(d);
	return 0;
}
