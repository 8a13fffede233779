#include "keeper/super.h"

#include "base/clock.h"
#include "keeper/waited.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A timer that fires so late tells of a keeper that was not scheduled; its
 * children may not have been either. */
#define LATE_MS 500u
#define GRACE_MAX_MS 5000u

struct super {
	struct loop *loop;
	const struct program *prog;
	const struct super_ops *ops;
	void *arg;
	struct child *child;
	struct process *process; /* NULL: none */
	struct timer *timer;	 /* child_deadline() */
	struct timer *look;	 /* for the next look at the pulse */
	struct pulse_limits pulse_limits;
	struct pulse pulse;
	struct waited waited;
	uint64_t seen;	  /* progress at the last look, while it starts */
	uint32_t p99_us;  /* of the last process: the next one's first guess */
	bool was_due;	  /* the last death */
	bool was_up;	  /* the process that is there was ready */
	bool has_grace;	  /* the deadline was put off for a late keeper */
	uint64_t born_ms; /* of the process */
	uint32_t deaths;
	char last_death[256];
	uint64_t died_unix;
	char crash_id[CRASH_ID_SIZE];
};

static int
on_frame(void *arg, struct frame *f)
{
	struct super *s = arg;

	return s->ops->on_frame(s->arg, f);
}

/* The page is the child's too: numbers from it may be anything. */
static void
bury(struct super *s, const struct death *d, const char *how)
{
	const struct progress *p = process_progress(s->process);
	struct obituary o = {
		.id = str_of(s->crash_id),
		.pid = (uint32_t)process_pid(s->process),
		.what = str_of(how),
		.cause = str_of(process_blamed(s->process)),
		.by_signal = d->by_signal,
		.number = d->number,
		.core = d->core,
		.died_unix = s->died_unix,
		.age_ms = clock_ms() - s->born_ms,
		.deaths = s->deaths,
		.peak_kib = d->peak_kib,
		.cpu_ms = d->cpu_ms,
		.phase = str_of(progress_phase_name(atomic_load(&p->phase))),
		.percent = atomic_load(&p->percent),
		.running = atomic_load(&p->running),
		.n_done = atomic_load(&p->count),
		.n_tokens = atomic_load(&p->tokens),
		.n_prompt = atomic_load(&p->prompt_tokens),
	};

	s->ops->bury(s->arg, &o, process_take_lastwords(s->process));
}

static void
on_death(void *arg, const struct death *d)
{
	struct super *s = arg;
	const struct progress *page = process_progress(s->process);
	bool worked = s->was_up && s->ops->has_worked(page);
	enum child_event ev = worked ? CHILD_EV_LOST : CHILD_EV_EXIT;
	char how[64];

	if (s->ops->examine != NULL && s->ops->examine(s->arg, s->process, d))
		ev = CHILD_EV_FINAL;
	if (atomic_load(&page->p99_step_us) > 0)
		s->p99_us = atomic_load(&page->p99_step_us);
	s->deaths++;
	s->died_unix = (uint64_t)time(NULL);
	(void)snprintf(s->last_death, sizeof(s->last_death), "%s%s%s",
	    process_blamed(s->process),
	    process_blamed(s->process)[0] != '\0' ? "; " : "",
	    death_text(d, how, sizeof(how)));
	s->was_due = s->ops->was_due(s->arg, d);
	if (!s->was_due) {
		(void)obituary_id(
		    s->died_unix, process_pid(s->process), s->crash_id);
		bury(s, d, how);
	}
	s->ops->on_death(s->arg, s->process, s->last_death);
	process_free(s->process);
	s->process = NULL;
	super_event(s, ev);
}

static void
on_doomed(void *arg, bool is_overdue)
{
	super_event(arg, is_overdue ? CHILD_EV_HANG : CHILD_EV_KILL);
}

static const struct process_ops process_ops = { on_frame, on_death, on_doomed };

/* False if it could not be started. */
static bool
do_spawn(struct super *s)
{
	struct fail f;

	s->seen = 0;
	s->was_up = false;
	s->born_ms = clock_ms();
	if (process_start(s->loop, s->prog, &process_ops, s, &s->process, &f) !=
	    0) {
		s->ops->on_no_start(s->arg, &f);
		return false;
	}
	process_seed(s->process, s->p99_us);
	s->ops->on_spawn(s->arg, s->process);
	return true;
}

/* True when the event NONE is to follow at once. */
static bool
perform(struct super *s, enum child_action action)
{
	struct process *p = s->process;

	switch (action) {
	case CHILD_DO_SPAWN:
		return !do_spawn(s);
	case CHILD_DO_TERM:
	case CHILD_DO_HURRY:
		s->ops->ask(s->arg, p, action == CHILD_DO_HURRY);
		return false;
	case CHILD_DO_ABORT:
		process_blame(p, "hang: it should have been ready or gone");
		s->ops->on_trouble(s->arg, p, process_blamed(p));
		process_signal(p, SIGABRT);
		return false;
	case CHILD_DO_KILL:
		process_signal(p, SIGKILL);
		return false;
	case CHILD_DO_FENCE:
		s->ops->on_trouble(s->arg, p,
		    "SIGKILL does not end it: it hangs in the kernel, most "
		    "likely in a device's driver");
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

/* A process that is ready is looked at from now on. */
static void
set_look(struct super *s)
{
	uint64_t ms = pulse_interval(&s->pulse_limits);

	if (child_state(s->child) != CHILD_UP || ms == 0) {
		timer_clear(s->look);
		return;
	}
	s->was_up = true;
	pulse_init(&s->pulse, &s->pulse_limits);
	s->waited = (struct waited){ 0 };
	timer_set(s->look, ms);
}

void
super_event(struct super *s, enum child_event ev)
{
	enum child_state was = child_state(s->child);

	s->has_grace = false;
	while (perform(s, child_step(s->child, ev, clock_ms())))
		ev = CHILD_EV_NONE;
	set_timer(s);
	if (child_state(s->child) != was)
		set_look(s);
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

/* The same delay again, once: what the child was to do in the meantime it may
 * not have been able to. */
static bool
is_late(struct super *s, uint64_t late)
{
	if (s->process == NULL || s->has_grace || late < LATE_MS)
		return false;
	s->has_grace = true;
	timer_set(s->timer, late < GRACE_MAX_MS ? late : GRACE_MAX_MS);
	return true;
}

static void
on_timer(void *arg)
{
	struct super *s = arg;
	uint64_t deadline = child_deadline(s->child);
	uint64_t now = clock_ms();

	/* libevent's clock is coarse: it may be early by a little. */
	if (deadline > now) {
		set_timer(s);
		return;
	}
	if (is_late(s, now - deadline))
		return;
	super_event(s, got_on(s) ? CHILD_EV_ALIVE : CHILD_EV_TIMEOUT);
}

void
super_await(struct super *s)
{
	pulse_await(&s->pulse, clock_ms());
}

static void
on_look(void *arg)
{
	struct super *s = arg;
	const struct progress *page = process_progress(s->process);
	uint64_t now = clock_ms();

	timer_set(s->look, pulse_interval(&s->pulse_limits));
	if (pulse_look(&s->pulse, page, now,
		waited_look(&s->waited, process_pid(s->process), now))) {
		process_blame(s->process,
		    "hang: no progress for %llu ms in phase %s",
		    (unsigned long long)s->pulse.still_ms,
		    progress_phase_name(s->pulse.phase));
		super_event(s, CHILD_EV_HANG);
	} else if (s->ops->nudge != NULL && pulse_is_idle(&s->pulse)) {
		s->ops->nudge(s->arg, s->process);
		super_await(s);
	}
}

struct super *
super_new(struct loop *l, const struct child_limits *limits,
    const struct pulse_limits *pulse, const struct program *prog,
    const struct super_ops *ops, void *arg)
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
		.look = timer_new(l, on_look, s),
		.pulse_limits = *pulse,
	};
	if (s->child == NULL || s->timer == NULL || s->look == NULL) {
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
	timer_free(s->look);
	child_free(s->child);
	free(s);
}

void
super_trust(struct super *s)
{
	child_trust(s->child);
}

void
super_pardon(struct super *s)
{
	child_pardon(s->child);
}

enum child_state
super_state(const struct super *s)
{
	return child_state(s->child);
}

bool
super_is_leaving(const struct super *s)
{
	enum child_state now = child_state(s->child);

	return now == CHILD_STOPPING || now == CHILD_LEAVING ||
	    now == CHILD_STRAY;
}

bool
super_was_due(const struct super *s)
{
	return s->was_due;
}

bool
super_is_condemned(const struct super *s)
{
	enum child_state now = child_state(s->child);

	/* One that process_kill() ends may be dead before the table hears. */
	return now == CHILD_DYING || now == CHILD_FENCED ||
	    now == CHILD_LEAVING || now == CHILD_STRAY ||
	    (s->process != NULL && process_is_killed(s->process));
}

bool
super_was_up(const struct super *s)
{
	return s->was_up;
}

struct process *
super_process(struct super *s)
{
	return s->process;
}

bool
super_owns(const struct super *s, pid_t pid)
{
	return s->process != NULL && process_pid(s->process) == pid;
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
