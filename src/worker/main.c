/*
 * bulkhead-worker - serves one model, told by the keeper which.
 *
 * One thread, one loop: take every frame that has come, compute one unit,
 * send what came of it. It waits in poll(2) only when there is nothing to
 * compute, and then nothing wakes it but a frame or a signal.
 *
 * It ends when the keeper's channel does or on its SIGTERM, with status 0; with 1
 * after WORKER_FAILED. There is nothing to save: the front's journal holds
 * every token that was sent.
 */
#include "worker/link.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/stray.h"
#include "crash/crash.h"
#include "jail/jail.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUT_MAX (1u << 20)	/* bytes that may wait for the keeper */
#define STACK_BYTES (64u << 20) /* templates are read by recursion */
#define READ_BYTES_US 20.0	/* of a file that is attached */

struct worker {
	struct chan *keeper;
	struct link link;
	struct files files; /* until they are loaded */
	struct progress *p; /* or NULL */
	int wake;	    /* readable after SIGTERM */
	bool is_over;
	int status; /* to exit with */
};

/* For the signal handler, which has no other way to find them. */
static pid_t keeper_pid;
static volatile sig_atomic_t is_asked_to_stop;
static int wake_fd = -1;
static const struct engine_ops *volatile running_ops;
static struct engine *volatile running;

/* While it loads there is no loop to stop, and nothing to clean up. A service
 * manager's to every process is not meant for us: the streams end first. */
static void
on_term(int signo, siginfo_t *si, void *context)
{
	uint64_t one = 1;

	(void)signo;
	(void)context;
	if (si->si_pid != keeper_pid)
		return;
	is_asked_to_stop = 1;
	if (running == NULL)
		_exit(0);
	running_ops->interrupt(running);
	(void)!write(wake_fd, &one, sizeof(one));
}

static int
set_signals(struct worker *w)
{
	struct sigaction term = { .sa_sigaction = on_term,
		.sa_flags = SA_SIGINFO };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->wake < 0)
		return ERR_IO;
	wake_fd = w->wake;
	keeper_pid = getppid();
	(void)sigaction(SIGTERM, &term, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	/* The keeper's; a person may send them to everybody of that name. */
	(void)sigaction(SIGINT, &ignore, NULL);
	(void)sigaction(SIGHUP, &ignore, NULL);
	return 0;
}

/* The kernel lets the stack grow up to the limit of the moment. */
static void
allow_deep_stack(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_STACK, &r) != 0 || r.rlim_cur >= STACK_BYTES)
		return;
	r.rlim_cur = r.rlim_max < STACK_BYTES ? r.rlim_max : STACK_BYTES;
	(void)setrlimit(RLIMIT_STACK, &r);
}

static void
set_phase(const struct worker *w, enum progress_phase phase)
{
	if (w->p != NULL && atomic_load(&w->p->phase) != phase) {
		progress_begin(w->p, phase, 0);
		progress_bump(w->p);
	}
}

static void
over(struct worker *w, int status)
{
	w->is_over = true;
	w->status = status;
}

/* The keeper hears the reason before the channel ends, and logs it. */
static void
say_failed(struct worker *w, const struct fail *why)
{
	struct worker_failed f = { why->code, str_of(why->text) };

	(void)!chan_send(w->keeper, MSG_WORKER_FAILED, &f, -1);
	over(w, 1);
}

/* All that has a path is opened, then the process is locked in, and only then
 * the model's first byte is read. */
static int
lock_in(struct worker *w, const struct worker_load *cfg, struct fail *why)
{
	enum jail_mode mode = (enum jail_mode)cfg->jail;
	const struct jail_files files = {
		.write = -1, .again = &w->files.model, .n_again = 1
	};
	struct jail_report r = { .landlock_abi = 0 };
	struct jailed j = { { (const char *)&r, sizeof(r) } };
	enum jail_kind kind;
	int err = w->link.ops->prepare(cfg, &kind, why);

	if (err != 0 || mode == JAIL_OFF)
		return err;
	jail_lock(kind, mode, kind == JAIL_NPU ? &files : NULL, &r);
	if (chan_send(w->keeper, MSG_WORKER_JAILED, &j, -1) != 0)
		return fail_set(why, ERR_IO, NULL, "the keeper is gone");
	if (mode == JAIL_REQUIRE && report_has_gap(&r))
		return fail_set(why, ERR_UNSUPPORTED, NULL,
		    "not loaded: --jail require, and its jail has a gap");
	return 0;
}

static void
do_adapter(struct worker *w, struct frame *f)
{
	struct worker_adapter a;
	int fd = f->n_fds > 0 ? f->fds[0] : -1;

	if (fd < 0 || frame_unpack(f, &a) != 0) {
		over(w, 1);
		return;
	}
	f->fds[0] = -1;
	if (files_add(&w->files, &a, fd) != 0)
		over(w, 1);
}

static void
do_part(struct worker *w, struct frame *f)
{
	struct worker_part p;
	int fd = f->n_fds > 0 ? f->fds[0] : -1;

	if (fd < 0 || frame_unpack(f, &p) != 0) {
		over(w, 1);
		return;
	}
	f->fds[0] = -1;
	if (files_add_part(&w->files, &p, fd) != 0)
		over(w, 1);
}

/* Locked in first, then all is read. */
static int
load(struct worker *w, const struct worker_load *cfg, struct fail *why)
{
	struct engine_events events = link_events(&w->link);
	int err = lock_in(w, cfg, why);

	if (err == 0)
		err = w->link.ops->load(
		    &w->link.engine, cfg, &w->files, &events, w->p, why);
	files_done(&w->files);
	return err;
}

static const struct engine_ops *
engine_of(uint8_t engine)
{
	static const struct engine_ops *const all[] = {
		[ENGINE_LLAMA] = &engine_llama,
		[ENGINE_RKLLM] = &engine_rkllm,
	};

	return engine < sizeof(all) / sizeof(all[0]) ? all[engine] : NULL;
}

static void
do_load(struct worker *w, struct frame *f)
{
	const struct engine_ops *ops;
	struct worker_load cfg;
	struct worker_ready ready;
	struct fail why = { 0 };
	uint64_t start = clock_ms();

	if (w->link.engine != NULL || f->n_fds == 0 ||
	    frame_unpack(f, &cfg) != 0 ||
	    (ops = engine_of(cfg.engine)) == NULL) {
		over(w, 1);
		return;
	}
	w->link.ops = ops;
	log_init("bulkhead-worker", cfg.log_level);
	set_phase(w, PHASE_LOAD);
	crash_note_step(STEP_LOAD, 0);
	w->files.model = f->fds[0];
	if (load(w, &cfg, &why) != 0) {
		say_failed(w, &why);
		return;
	}
	running_ops = ops;
	running = w->link.engine;
	crash_know_threads();
	crash_note_step(STEP_NONE, 0);
	ops->describe(w->link.engine, &ready);
	ready.load_ms = (uint32_t)(clock_ms() - start);
	log_info("%.*s: %.*s, %u sequences of %u tokens, threads %u and %u, "
		 "loaded in %u ms",
	    (int)cfg.name.n, cfg.name.p, (int)ready.desc.n, ready.desc.p,
	    ready.n_seq, ready.n_ctx, ready.n_threads, ready.n_threads_batch,
	    ready.load_ms);
	set_phase(w, PHASE_IDLE);
	if (chan_send(w->keeper, MSG_WORKER_READY, &ready, -1) != 0)
		over(w, 1);
}

static void
do_channel(struct worker *w, struct frame *f)
{
	if (f->n_fds == 0) {
		over(w, 1);
		return;
	}
	if (link_open(&w->link, f->fds[0]) != 0) {
		log_error("a channel to the front: out of memory");
		over(w, 1);
	}
	f->fds[0] = -1;
}

/* About as long as a slow disk takes to read it. */
static double
reading_us(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (double)st.st_size / READ_BYTES_US : 0;
}

static int
attach(
    struct worker *w, const struct worker_attach *a, int fd, struct fail *why)
{
	const struct link *l = &w->link;

	if (l->ops->attach == NULL)
		return fail_set(why, ERR_UNSUPPORTED, NULL,
		    "the %s engine can have no such file", l->ops->name);
	progress_begin(w->p, PHASE_ATTACH, reading_us(fd));
	progress_bump(w->p);
	crash_note_step(STEP_ATTACH, 0);
	why->code = l->ops->attach(l->engine, a, fd, why);
	crash_note_step(STEP_NONE, 0);
	set_phase(w, PHASE_IDLE);
	return why->code;
}

/* Between two units of what runs, which waits as long as this takes. */
static void
do_attach(struct worker *w, struct frame *f)
{
	struct worker_attached r = { .err = 0 };
	struct worker_attach a;
	struct fail why = { 0 };

	if (w->link.engine == NULL || f->n_fds == 0 ||
	    frame_unpack(f, &a) != 0) {
		over(w, 1);
		return;
	}
	r.id = a.id;
	r.err = attach(w, &a, f->fds[0], &why);
	r.text = str_of(why.text);
	if (chan_send(w->keeper, MSG_WORKER_ATTACHED, &r, -1) != 0)
		over(w, 1);
}

static void
do_detach(struct worker *w, struct frame *f)
{
	const struct link *l = &w->link;
	struct worker_detach d;

	if (frame_unpack(f, &d) != 0)
		over(w, 1);
	else if (l->engine != NULL && l->ops->detach != NULL)
		l->ops->detach(l->engine, d.id);
}

static void
take_from_keeper(struct worker *w)
{
	static void (*const handlers[MSG_COUNT])(
	    struct worker *, struct frame *) = {
		[MSG_WORKER_ADAPTER] = do_adapter,
		[MSG_WORKER_PART] = do_part,
		[MSG_WORKER_LOAD] = do_load,
		[MSG_WORKER_CHANNEL] = do_channel,
		[MSG_WORKER_ATTACH] = do_attach,
		[MSG_WORKER_DETACH] = do_detach,
	};
	struct frame f;
	int err;

	while (!w->is_over && (err = chan_recv(w->keeper, &f)) != ERR_AGAIN) {
		if (err != 0) {
			over(w, err == ERR_EOF ? 0 : 1);
			return;
		}
		if (handlers[f.msg] != NULL)
			handlers[f.msg](w, &f);
		frame_close(&f);
	}
}

static bool
can_compute(const struct worker *w)
{
	const struct link *l = &w->link;

	return l->engine != NULL && !link_is_full(l) &&
	    l->ops->has_work(l->engine);
}

static short
wanted(const struct chan *c, bool wants_more)
{
	return (short)((wants_more ? POLLIN : 0) |
	    (chan_waiting(c) > 0 ? POLLOUT : 0));
}

/* Nothing to compute here: wait until something comes or can be sent. */
static void
wait_idle(const struct worker *w)
{
	const struct link *l = &w->link;
	struct pollfd fds[] = {
		{ .fd = w->wake, .events = POLLIN },
		{ .fd = chan_fd(w->keeper), .events = wanted(w->keeper, true) },
		{ .fd = -1, .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
	};
	bool may_compute = l->engine != NULL && !link_is_full(l);

	/* Until there is an engine, the front's frames wait in the socket. */
	if (l->chan != NULL && l->engine != NULL) {
		fds[2].fd = chan_fd(l->chan);
		fds[2].events = wanted(l->chan, !link_is_full(l));
	}
	if (may_compute && l->ops->wake != NULL)
		fds[3].fd = l->ops->wake(l->engine);
	if (l->engine != NULL &&
	    !(may_compute && l->ops->owes != NULL && l->ops->owes(l->engine)))
		set_phase(w, PHASE_IDLE);
	(void)poll(fds, sizeof(fds) / sizeof(fds[0]), -1);
}

static void
run(struct worker *w)
{
	while (!w->is_over && !is_asked_to_stop) {
		if (chan_waiting(w->keeper) > 0)
			(void)!chan_flush(w->keeper);
		take_from_keeper(w);
		link_flush(&w->link);
		link_take(&w->link);
		if (w->link.is_broken)
			over(w, 1);
		if (w->is_over || is_asked_to_stop)
			break;
		if (can_compute(w))
			w->link.ops->step(w->link.engine);
		else
			wait_idle(w);
	}
}

static void
clean_up(struct worker *w)
{
	struct engine *e = w->link.engine;
	struct sigaction quit = { .sa_handler = SIG_DFL };

	(void)sigaction(SIGTERM, &quit, NULL);
	running = NULL;
	link_done(&w->link);
	w->link.ops->free(e);
	files_done(&w->files);
	chan_free(w->keeper);
	progress_unmap(w->p);
	(void)close(w->wake);
}

int
main(void)
{
	struct worker w = { 0 };

	crash_install();
	stray_ignore(NULL);
	log_init("bulkhead-worker", LOG_INFO);
	link_init(&w.link, &engine_llama);
	allow_deep_stack();
	if (set_signals(&w) != 0) {
		log_error("cannot make an eventfd");
		crash_expect_exit();
		return 1;
	}
	w.p = progress_map(PROGRESS_FD);
	w.keeper = chan_new(CHANNEL_FD, PROC_WORKER, PROC_KEEPER, OUT_MAX);
	if (w.keeper == NULL) {
		log_error("descriptor %d is no channel: bulkhead-worker is "
			  "started by the keeper",
		    CHANNEL_FD);
		crash_expect_exit();
		return 1;
	}
	w.link.keeper = w.keeper;
	run(&w);
	crash_expect_exit();
	clean_up(&w);
	return w.status;
}
