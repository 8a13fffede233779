#include "base/loop.h"

#include <stdbool.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

struct sig {
	struct sig *next;
	struct loop *loop;
	struct event ev;
	timer_fn fn;
	void *arg;
};

struct loop {
	struct event_base *base;
	struct sig *sigs;
	void (*observer)(void *arg, bool begins); /* or NULL */
	void *observer_arg;
};

struct watch {
	struct event ev;
	struct loop *loop;
	watch_fn fn;
	void *arg;
	int fd;
	unsigned want;
};

struct timer {
	struct event ev;
	struct loop *loop;
	timer_fn fn;
	void *arg;
};

/* libevent would write lines of its own to standard error. What it would say
 * comes back as an error here, and is logged by who handles that. */
static void
on_libevent_log(int severity, const char *text)
{
	(void)severity;
	(void)text;
}

struct loop *
loop_new(void)
{
	struct event_config *config = event_config_new();
	struct loop *l = calloc(1, sizeof(*l));

	if (config == NULL || l == NULL)
		goto out;
	event_set_log_callback(on_libevent_log);
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	l->base = event_base_new_with_config(config);
out:
	if (config != NULL)
		event_config_free(config);
	if (l != NULL && l->base == NULL) {
		free(l);
		l = NULL;
	}
	return l;
}

void
loop_free(struct loop *l)
{
	struct sig *s;

	if (l == NULL)
		return;
	while ((s = l->sigs) != NULL) {
		l->sigs = s->next;
		(void)event_del(&s->ev);
		free(s);
	}
	event_base_free(l->base);
	free(l);
}

int
loop_run(struct loop *l)
{
	return event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0 ? ERR_IO
								     : 0;
}

void
loop_stop(struct loop *l)
{
	(void)event_base_loopbreak(l->base);
}

void
loop_observe(struct loop *l, void (*fn)(void *arg, bool begins), void *arg)
{
	l->observer = fn;
	l->observer_arg = arg;
}

static void
observe(const struct loop *l, bool begins)
{
	if (l->observer != NULL)
		l->observer(l->observer_arg, begins);
}

static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	const struct loop *l = w->loop; /* w may be freed */
	unsigned events = 0;

	(void)fd;
	if (what & EV_READ)
		events |= WATCH_READ;
	if (what & EV_WRITE)
		events |= WATCH_WRITE;
	observe(l, true);
	w->fn(w->arg, events);
	observe(l, false);
}

struct watch *
watch_new(struct loop *l, int fd, watch_fn fn, void *arg)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	*w = (struct watch){ .loop = l, .fn = fn, .arg = arg, .fd = fd };
	return w;
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	if (w->want != 0)
		(void)event_del(&w->ev);
	free(w);
}

int
watch_want(struct watch *w, unsigned events)
{
	short what = EV_PERSIST;

	if (events == w->want)
		return 0;
	if (w->want != 0)
		(void)event_del(&w->ev);
	w->want = events;
	if (events == 0)
		return 0;
	if (events & WATCH_READ)
		what |= EV_READ;
	if (events & WATCH_WRITE)
		what |= EV_WRITE;
	if (event_assign(&w->ev, w->loop->base, w->fd, what, on_watch, w) !=
		0 ||
	    event_add(&w->ev, NULL) != 0) {
		w->want = 0;
		return ERR_IO;
	}
	return 0;
}

/* Every timer stays in libevent's heap from its making to its end, at this
 * distance while it is not set: then setting one needs no memory, and cannot
 * fail. A deadline that is lost for lack of memory is one that nobody sees. */
static const struct timeval never = { .tv_sec = 365L * 24 * 3600 };

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct timer *t = arg;
	const struct loop *l = t->loop;

	(void)fd;
	(void)what;
	(void)event_add(&t->ev, &never);
	observe(l, true);
	t->fn(t->arg);
	observe(l, false);
}

struct timer *
timer_new(struct loop *l, timer_fn fn, void *arg)
{
	struct timer *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->loop = l;
	t->fn = fn;
	t->arg = arg;
	if (event_assign(&t->ev, l->base, -1, 0, on_timer, t) != 0 ||
	    event_add(&t->ev, &never) != 0) {
		free(t);
		return NULL;
	}
	return t;
}

void
timer_free(struct timer *t)
{
	if (t == NULL)
		return;
	(void)event_del(&t->ev);
	free(t);
}

void
timer_set(struct timer *t, uint64_t ms)
{
	struct timeval tv;

	tv.tv_sec = (time_t)(ms / 1000u);
	tv.tv_usec = (suseconds_t)(ms % 1000u * 1000u);
	(void)event_add(&t->ev, &tv);
}

void
timer_clear(struct timer *t)
{
	(void)event_add(&t->ev, &never);
}

static void
on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct sig *s = arg;
	const struct loop *l = s->loop;

	(void)fd;
	(void)what;
	observe(l, true);
	s->fn(s->arg);
	observe(l, false);
}

int
loop_on_signal(struct loop *l, int signo, timer_fn fn, void *arg)
{
	struct sig *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return ERR_NOMEM;
	s->loop = l;
	s->fn = fn;
	s->arg = arg;
	if (event_assign(&s->ev, l->base, signo, EV_SIGNAL | EV_PERSIST,
		on_signal, s) != 0 ||
	    event_add(&s->ev, NULL) != 0) {
		free(s);
		return ERR_NOMEM;
	}
	s->next = l->sigs;
	l->sigs = s;
	return 0;
}
