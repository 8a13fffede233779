#include "front/refuse.h"

#include "base/clock.h"
#include "base/loop.h"
#include "front/front.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_MS 2000u
#define BYTES_MAX (256u * 1024) /* dropped of one client */

struct refusal {
	struct list link;
	struct refusals *all;
	struct watch *watch;
	uint64_t until_ms;
	uint32_t bytes;
	int fd;
};

void
refuse_init(struct refusals *r)
{
	*r = (struct refusals){ 0 };
	list_init(&r->all);
}

static void
refusal_free(struct refusal *r)
{
	list_remove(&r->link);
	r->all->n--;
	watch_free(r->watch);
	(void)close(r->fd);
	free(r);
}

/* Drops what is there. True: the end, or enough. */
static bool
drop_input(int fd, uint32_t *bytes)
{
	char room[16384];
	ssize_t n;

	while (*bytes < BYTES_MAX) {
		n = recv(fd, room, sizeof(room), MSG_DONTWAIT);
		if (n < 0)
			return errno != EAGAIN && errno != EINTR;
		if (n == 0)
			return true;
		*bytes += (uint32_t)n;
	}
	return true;
}

static void
on_readable(void *arg, unsigned events)
{
	struct refusal *r = arg;

	(void)events;
	if (drop_input(r->fd, &r->bytes))
		refusal_free(r);
}

static struct refusal *
oldest(const struct refusals *all)
{
	return LIST_ENTRY(all->all.next, struct refusal, link);
}

static void
on_timer(void *arg)
{
	struct refusals *all = arg;
	uint64_t now = clock_ms();

	while (all->n > 0 && oldest(all)->until_ms <= now)
		refusal_free(oldest(all));
	if (all->n > 0)
		timer_set(all->timer, oldest(all)->until_ms - now);
}

static int
linger(struct front *f, int fd)
{
	struct refusals *all = &f->refusals;
	struct refusal *r;

	if (all->timer == NULL)
		all->timer = timer_new(f->loop, on_timer, all);
	if (all->timer == NULL)
		return ERR_NOMEM;
	if (all->n == REFUSALS_MAX)
		refusal_free(oldest(all));
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return ERR_NOMEM;
	*r = (struct refusal){
		.all = all, .fd = fd, .until_ms = clock_ms() + LINGER_MS
	};
	r->watch = watch_new(f->loop, fd, on_readable, r);
	if (r->watch == NULL || watch_want(r->watch, WATCH_READ) != 0) {
		watch_free(r->watch);
		free(r);
		return ERR_NOMEM;
	}
	list_append(&all->all, &r->link);
	if (all->n++ == 0)
		timer_set(all->timer, LINGER_MS);
	return 0;
}

/* A socket that cannot take these few bytes has nobody behind it. */
static void
send_last(int fd, struct str text)
{
	(void)send(fd, text.p, text.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
}

void
refuse_fd(struct front *f, int fd, struct str text)
{
	send_last(fd, text);
	if (linger(f, fd) != 0)
		(void)close(fd);
}

void
refuse_now(int fd, struct str text)
{
	uint32_t bytes = 0;

	send_last(fd, text);
	(void)drop_input(fd, &bytes);
	(void)close(fd);
}

void
refuse_done(struct refusals *r)
{
	while (r->n > 0)
		refusal_free(oldest(r));
	timer_free(r->timer);
	r->timer = NULL;
}
