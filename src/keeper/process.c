#include "keeper/process.h"

#include "base/log.h"
#include "keeper/jaillog.h"
#include "keeper/spawn.h"
#include "keeper/voice.h"
#include "wire/lastwords.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

/* A child whose channel has ended is on its way out. */
#define OVERDUE_MS 2000u

#define POLL_MS 20u  /* between looks, where there are no pidfds */
#define BURY_MS 1000 /* for SIGKILL to work */

#define PROCESS_BLAME_MAX 160

struct process {
	const struct program *prog;
	const struct process_ops *ops;
	void *arg;
	pid_t pid; /* 0: not started */
	int pidfd; /* -1: there is no such thing here */
	bool is_dead;
	struct jail_report jail;
	bool is_jailed; /* it has said so; nothing that it says later counts */
	struct voice *voice; /* NULL: it writes to our standard error */
	struct chan *chan;
	struct progress *progress;
	int lastwords;		   /* -1: taken, or not made */
	struct watch *chan_watch;  /* NULL once the channel has ended */
	struct watch *pidfd_watch; /* readable when it is dead */
	struct timer *poll_timer;  /* NULL where there are pidfds */
	struct timer *doom_timer;  /* on_doomed() is due */
	bool is_killed;
	char blame[PROCESS_BLAME_MAX]; /* why we end it; "": we do not */
};

static void
want_events(struct process *p)
{
	unsigned events = WATCH_READ;

	if (p->chan_watch == NULL)
		return;
	if (chan_waiting(p->chan) > 0)
		events |= WATCH_WRITE;
	if (watch_want(p->chan_watch, events) != 0)
		process_kill(p);
}

static void
end_channel(struct process *p, int err)
{
	watch_free(p->chan_watch);
	p->chan_watch = NULL;
	if (err == ERR_EOF) {
		timer_set(p->doom_timer, OVERDUE_MS);
		return;
	}
	log_error("%s (pid %d): %s; killing it", p->prog->name, (int)p->pid,
	    err_text(err));
	process_blame(p, "its channel to the keeper: %s", err_text(err));
	process_kill(p);
}

/* It says so before it has read anything that could have taken it over. */
static int
note_jail(struct process *p, const struct frame *f)
{
	struct jail_report more;
	struct jailed j;

	if (p->is_jailed || frame_unpack(f, &j) != 0 ||
	    !report_read(&more, j.report.p, j.report.n))
		return ERR_PROTO;
	p->is_jailed = true;
	report_add(&p->jail, &more);
	jail_log(p->prog->name, &p->jail);
	return p->prog->jail == JAIL_REQUIRE && !report_is_whole(&p->jail)
	    ? ERR_UNSUPPORTED
	    : 0;
}

static int
take_frame(struct process *p, struct frame *f)
{
	bool is_jail =
	    f->msg == MSG_FRONT_JAILED || f->msg == MSG_WORKER_JAILED;
	int err = is_jail ? note_jail(p, f) : 0;

	return err != 0 ? err : p->ops->on_frame(p->arg, f);
}

/* Gives out what has come. 0 when all was taken, else what ended it. */
static int
take_frames(struct process *p)
{
	struct frame f;
	int err;

	while ((err = chan_recv(p->chan, &f)) == 0) {
		err = take_frame(p, &f);
		frame_close(&f);
		if (err != 0)
			return err;
	}
	return err == ERR_AGAIN ? 0 : err;
}

static void
on_channel(void *arg, unsigned events)
{
	struct process *p = arg;
	int err = 0;

	if (events & WATCH_WRITE)
		err = chan_flush(p->chan);
	if (events & WATCH_READ)
		err = take_frames(p);
	if (err != 0)
		end_channel(p, err);
	want_events(p);
}

static void
on_doom_timer(void *arg)
{
	struct process *p = arg;

	if (!p->is_killed)
		process_blame(p, "hang: its channel ended, and it stayed");
	p->ops->on_doomed(p->arg, !p->is_killed);
}

static void
check_death(struct process *p)
{
	struct death d;

	if (reap(p->pid, &d) != 0)
		return;
	p->is_dead = true;
	watch_free(p->pidfd_watch);
	p->pidfd_watch = NULL;
	timer_clear(p->doom_timer);
	voice_end(p->voice);
	/* Its last words may still lie in the channel. */
	if (p->chan_watch != NULL)
		(void)take_frames(p);
	watch_free(p->chan_watch);
	p->chan_watch = NULL;
	p->ops->on_death(p->arg, &d);
}

static void
on_pidfd(void *arg, unsigned events)
{
	(void)events;
	check_death(arg);
}

/* Instead of a pidfd. */
static void
on_poll_timer(void *arg)
{
	struct process *p = arg;

	timer_set(p->poll_timer, POLL_MS);
	check_death(p);
}

static int
watch_death(struct process *p, struct loop *l)
{
	if (p->pidfd < 0) {
		p->poll_timer = timer_new(l, on_poll_timer, p);
		if (p->poll_timer == NULL)
			return ERR_NOMEM;
		timer_set(p->poll_timer, POLL_MS);
		return 0;
	}
	p->pidfd_watch = watch_new(l, p->pidfd, on_pidfd, p);
	if (p->pidfd_watch == NULL)
		return ERR_NOMEM;
	return watch_want(p->pidfd_watch, WATCH_READ);
}

static int
watch_it(struct process *p, struct loop *l)
{
	int err;

	p->doom_timer = timer_new(l, on_doom_timer, p);
	p->chan_watch = watch_new(l, chan_fd(p->chan), on_channel, p);
	if (p->doom_timer == NULL || p->chan_watch == NULL)
		return ERR_NOMEM;
	err = watch_want(p->chan_watch, WATCH_READ);
	return err != 0 ? err : watch_death(p, l);
}

static int
spawn_it(struct process *p, struct loop *l, struct fail *f)
{
	const struct program *prog = p->prog;
	struct spawn s = {
		.exe = prog->exe,
		.name = prog->name,
		.env = prog->env,
		.channel = -1,
		.progress = -1,
		.core = prog->core,
		.jail = prog->jail,
	};
	int ends[2] = { -1, -1 };
	int err = chan_pair(ends);

	if (err == 0)
		err = progress_make(&p->progress, &s.progress);
	if (err == 0)
		err = lastwords_make(&p->lastwords);
	if (err != 0) {
		err = fail_set(f, err, "", "cannot start %s: %s", prog->name,
		    "no descriptors or memory left");
		goto out;
	}
	s.channel = ends[1];
	s.lastwords = p->lastwords;
	p->voice = voice_new(l, prog->name, prog->talks, &s.log);
	err = spawn(&s, &p->pid, &p->pidfd, &p->jail, f);
	if (err != 0)
		goto out;
	if (p->voice != NULL)
		voice_of(p->voice, p->pid);
	p->chan = chan_new(ends[0], PROC_KEEPER, prog->role, prog->out_max);
	ends[0] = -1;
	if (p->chan == NULL)
		err = fail_set(f, ERR_NOMEM, "", "out of memory");
out:
	for (int i = 0; i < 2; i++)
		if (ends[i] >= 0)
			(void)close(ends[i]);
	if (s.progress >= 0)
		(void)close(s.progress);
	if (p->voice != NULL)
		(void)close(s.log);
	return err;
}

int
process_start(struct loop *l, const struct program *prog,
    const struct process_ops *ops, void *arg, struct process **ret,
    struct fail *f)
{
	struct process *p = calloc(1, sizeof(*p));
	int err;

	if (p == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	*p = (struct process){
		.prog = prog,
		.ops = ops,
		.arg = arg,
		.pidfd = -1,
		.lastwords = -1,
	};
	err = spawn_it(p, l, f);
	if (err == 0) {
		err = watch_it(p, l);
		if (err != 0)
			(void)fail_set(f, err, "", "cannot watch %s: %s",
			    prog->name, err_text(err));
	}
	if (err != 0) {
		process_free(p);
		return err;
	}
	*ret = p;
	return 0;
}

static void
bury(struct process *p)
{
	struct death d;

	process_signal(p, SIGKILL);
	for (int i = 0; i < BURY_MS; i++) {
		if (reap(p->pid, &d) == 0)
			return;
		(void)usleep(1000);
	}
	/* It hangs in a device driver; init will have it. */
	log_warn("%s (pid %d) does not die", p->prog->name, (int)p->pid);
}

void
process_free(struct process *p)
{
	if (p == NULL)
		return;
	if (p->pid > 0 && !p->is_dead)
		bury(p);
	voice_end(p->voice);
	voice_free(p->voice);
	timer_free(p->doom_timer);
	timer_free(p->poll_timer);
	watch_free(p->chan_watch);
	watch_free(p->pidfd_watch);
	chan_free(p->chan);
	progress_unmap(p->progress);
	if (p->pidfd >= 0)
		(void)close(p->pidfd);
	if (p->lastwords >= 0)
		(void)close(p->lastwords);
	free(p);
}

pid_t
process_pid(const struct process *p)
{
	return p->pid;
}

const struct progress *
process_progress(const struct process *p)
{
	return p->progress;
}

const struct jail_report *
process_jail(const struct process *p)
{
	return &p->jail;
}

int
process_take_lastwords(struct process *p)
{
	int fd = p->lastwords;

	p->lastwords = -1;
	return fd;
}

int
process_send(struct process *p, enum msg m, const void *st, int fd)
{
	int err =
	    p->chan_watch == NULL ? ERR_EOF : chan_send(p->chan, m, st, fd);

	if (err != 0 && err != ERR_EOF) {
		log_error("%s (pid %d) cannot be told: %s; killing it",
		    p->prog->name, (int)p->pid, err_text(err));
		process_blame(p, "it could not be told: %s", err_text(err));
		process_kill(p);
	}
	want_events(p);
	return err;
}

void
process_signal(struct process *p, int signo)
{
	/* There may be pidfds and yet no signals by them: valgrind 3.24 and
	 * some containers are so. The pid is its own until it is reaped. */
	if (p->pidfd >= 0 &&
	    (pidfd_send_signal(p->pidfd, signo, NULL, 0) == 0 ||
		errno == ESRCH))
		return;
	if (!p->is_dead)
		(void)kill(p->pid, signo);
}

void
process_dismiss(struct process *p)
{
	process_signal(p, SIGTERM);
	chan_hang_up(p->chan);
}

void
process_blame(struct process *p, const char *fmt, ...)
{
	va_list ap;

	if (p->blame[0] != '\0')
		return;
	va_start(ap, fmt);
	(void)vsnprintf(p->blame, sizeof(p->blame), fmt, ap);
	va_end(ap);
}

const char *
process_blamed(const struct process *p)
{
	return p->blame;
}

/* The table hears of it from the loop, not from within its own action. */
void
process_kill(struct process *p)
{
	process_signal(p, SIGKILL);
	p->is_killed = true;
	timer_set(p->doom_timer, 0);
}

bool
process_is_killed(const struct process *p)
{
	return p->is_killed;
}

void
process_seed(struct process *p, uint32_t p99_us)
{
	atomic_store(&p->progress->p99_step_us, p99_us);
}
