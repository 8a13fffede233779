/*
 * The front process: everything from and to clients. It finds its channel to
 * the keeper at CHANNEL_FD and learns the rest from there.
 */
#include "base/log.h"
#include "base/stray.h"
#include "crash/crash.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/keeper.h"
#include "front/listener.h"
#include "front/model.h"
#include "wire/progress.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* Bytes from which a buffer is a mapping of its own, which goes back to the
 * system when it is freed. Left alone, glibc learns from the first large one
 * to take such from the heap, where a small piece above them keeps them all. */
#define MAP_LEAST (256 * 1024)

static void
on_term(void *arg)
{
	/* The keeper drains us; a signal from a person to the whole group
	 * must not get ahead of it. */
	(void)arg;
}

/* The keeper sees by it that the loop turns, or what it is stuck in. */
static void
on_turn(void *arg, bool begins)
{
	struct progress *p = arg;

	atomic_store(&p->phase, begins ? PHASE_SERVE : PHASE_IDLE);
	if (!begins)
		atomic_fetch_add(&p->turns, 1);
}

static int
set_up(struct front *f)
{
	int err = front_init(f);

	if (err != 0)
		return err;
	f->reserve_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	f->progress = progress_map(PROGRESS_FD);
	if (f->progress != NULL)
		loop_observe(f->loop, on_turn, f->progress);
	if (loop_on_signal(f->loop, SIGTERM, on_term, f) != 0 ||
	    loop_on_signal(f->loop, SIGINT, on_term, f) != 0)
		return ERR_NOMEM;
	return keeper_open(f, CHANNEL_FD);
}

static void
tear_down(struct front *f)
{
	listener_free_all(f);
	conn_free_all(f);
	model_free_all(f);
	keeper_close(f);
	timer_free(f->drain_timer);
	progress_unmap(f->progress);
	front_done(f);
}

int
main(void)
{
	struct front f;
	int err;

	crash_install();
	log_init("bulkhead-front", LOG_INFO);
	stray_ignore(NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN); /* the keeper's, like SIGTERM */
	(void)mallopt(M_MMAP_THRESHOLD, MAP_LEAST);
	if (fcntl(CHANNEL_FD, F_GETFD) < 0) {
		log_error("not started by the keeper; use `bulkhead serve`");
		crash_expect_exit();
		return EXIT_FAILURE;
	}
	err = set_up(&f);
	if (err == 0)
		err = loop_run(f.loop);
	else
		log_error("cannot start: %s", err_text(err));
	crash_expect_exit();
	tear_down(&f);
	return err == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
