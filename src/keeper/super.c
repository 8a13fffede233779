#include "keeper/super.h"

#include "base/clock.h"
#include "keeper/obituary.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct super {
	struct loop *loop;
	const struct program *prog;
	const struct super_ops *ops;
	void *arg;
	struct child *child;
	struct process *process; /* NULL: none */
	struct timer *timer;	 /* child_deadline() */
	uint64_t seen;		 /* progress at the last look */
	uint32_t deaths;
	char last_death[64];
	uint64_t died_unix;
	char crash_id[CRASH_ID_SIZE];
};

static int
on_frame(void *arg, struct frame *f)
{
	struct super *s = arg;

	return s->ops->on_frame(s->arg, f);
}

static void
on_death(void *arg, const struct death *d)
{
	struct super *s = arg;
	bool worked = child_state(s->child) == CHILD_UP &&
	    s->ops->has_worked(process_progress(s->process));

	s->deaths++;
	s->died_unix = (uint64_t)time(NULL);
	(void)death_text(d, s->last_death, sizeof(s->last_death));
	if (!s->ops->was_due(s->arg, d))
		(void)obituary_id(
		    s->died_unix, process_pid(s->process), s->crash_id);
	s->ops->on_death(s->arg, s->process, s->last_death);
	process_free(s->process);
	s->process = NULL;
	super_event(s, worked ? CHILD_EV_LOST : CHILD_EV_EXIT);
}

static const struct process_ops process_ops = { on_frame, on_death };

/* False if it could not be started: that counts as a death. */
static bool
do_spawn(struct super *s)
{
	struct fail f;

	s->seen = 0;
	if (process_start(s->loop, s->prog, &process_ops, s, &s->process, &f) !=
	    0) {
		s->ops->on_no_start(s->arg, &f);
		return false;
	}
	s->ops->on_spawn(s->arg, s->process);
	return true;
}

/* True when the event EXIT is to follow at once. */
static bool
perform(struct super *s, enum child_action action)
{
	switch (action) {
	case CHILD_DO_SPAWN:
		return !do_spawn(s);
	case CHILD_DO_TERM:
	case CHILD_DO_HURRY:
		s->ops->ask(s->arg, s->process, action == CHILD_DO_HURRY);
		return false;
	case CHILD_DO_KILL:
		process_signal(s->process, SIGKILL);
		return false;
	default:
		return false;
	}
}

static void
set_timer(struct super *s)
{
	uint64_t deadline = child_deadline(s->child);
	uint64_t now = clock_ms();

	if (deadline == UINT64_MAX)
		timer_clear(s->timer);
	else
		timer_set(s->timer, deadline > now ? deadline - now : 0);
}

void
super_event(struct super *s, enum child_event ev)
{
	enum child_state was = child_state(s->child);

	while (perform(s, child_step(s->child, ev, clock_ms())))
		ev = CHILD_EV_EXIT;
	set_timer(s);
	/* The last thing: the owner may free us. */
	if (child_state(s->child) != was)
		s->ops->on_state(s->arg, child_state(s->child));
}

/* A large model may take any time to load, as long as it gets on. */
static bool
got_on(struct super *s)
{
	const struct progress *p;
	uint64_t now;
	bool moved;

	if (child_state(s->child) != CHILD_STARTING || s->process == NULL)
		return false;
	p = process_progress(s->process);
	now = atomic_load(&p->count) + atomic_load(&p->percent);
	moved = now != s->seen;
	s->seen = now;
	return moved;
}

static void
on_timer(void *arg)
{
	struct super *s = arg;

	/* libevent's clock is coarse: it may be early by a little. */
	if (child_deadline(s->child) > clock_ms()) {
		set_timer(s);
		return;
	}
	super_event(s, got_on(s) ? CHILD_EV_ALIVE : CHILD_EV_TIMEOUT);
}

struct super *
super_new(struct loop *l, const struct child_limits *limits,
    const struct program *prog, const struct super_ops *ops, void *arg)
{
	struct super *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	*s = (struct super){
		.loop = l,
		.prog = prog,
		.ops = ops,
		.arg = arg,
		.child = child_new(limits),
		.timer = timer_new(l, on_timer, s),
	};
	if (s->child == NULL || s->timer == NULL) {
		super_free(s);
		return NULL;
	}
	return s;
}

void
super_free(struct super *s)
{
	if (s == NULL)
		return;
	process_free(s->process);
	timer_free(s->timer);
	child_free(s->child);
	free(s);
}

enum child_state
super_state(const struct super *s)
{
	return child_state(s->child);
}

struct process *
super_process(struct super *s)
{
	return s->process;
}

uint32_t
super_deaths(const struct super *s)
{
	return s->deaths;
}

const char *
super_last_death(const struct super *s)
{
	return s->last_death;
}

uint64_t
super_died_unix(const struct super *s)
{
	return s->died_unix;
}

const char *
super_crash_id(const struct super *s)
{
	return s->crash_id;
}

uint64_t
super_next_try(const struct super *s)
{
	uint64_t deadline = child_deadline(s->child);
	uint64_t now = clock_ms();

	return deadline != UINT64_MAX && deadline > now ? deadline - now : 0;
}
