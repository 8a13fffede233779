/*
 * process - one running child: its pidfd, its channel and its progress page.
 */
#ifndef KEEPER_PROCESS_H
#define KEEPER_PROCESS_H

#include "base/loop.h"
#include "jail/jail.h"
#include "keeper/reap.h"
#include "wire/chan.h"
#include "wire/progress.h"

#include <stdbool.h>
#include <sys/types.h>

struct process;

/* What does not change from one life to the next. The strings must outlive
 * the processes. */
struct program {
	const char *exe;
	const char *name;
	char *const *env;
	enum proc role;
	size_t out_max; /* bytes that may wait for it to read */
	bool core;	/* it may leave a core file */
	bool talks;	/* it has much to say: a line a request */
	enum jail_mode jail;
};

struct process_ops {
	/* A frame, which stays the process's: close nothing but what is
	 * taken. Not 0 when the child broke the protocol: it is killed. */
	int (*on_frame)(void *arg, struct frame *f);
	/* It is dead, and all that it had sent was given to on_frame. Free it
	 * here or later. */
	void (*on_death)(void *arg, const struct death *d);
	/* It must go, for what process_blamed() says: it was sent SIGKILL; or,
	 * when it is overdue, nothing: its channel has ended and it stays. */
	void (*on_doomed)(void *arg, bool is_overdue);
};

/* 0; ERR_NOMEM or ERR_IO with the reason in f. */
int process_start(struct loop *l, const struct program *prog,
    const struct process_ops *ops, void *arg, struct process **ret,
    struct fail *f) MUST_CHECK;

/* NULL is allowed. One that is still alive is killed and reaped. */
void process_free(struct process *p);

pid_t process_pid(const struct process *p);
const struct progress *process_progress(const struct process *p);

/* The memory with its last words (wire/lastwords.h): the caller's from here
 * on. -1 when it was taken. */
int process_take_lastwords(struct process *p);

/* What its jail holds; its last layers only once it has said so. */
const struct jail_report *process_jail(const struct process *p);

/* Queues a message; 0 or as chan_send(). A child that cannot be told is
 * killed: its death follows as any other. fd is not taken. */
int process_send(struct process *p, enum msg m, const void *st, int fd);

void process_signal(struct process *p, int signo);

/* Asks it to leave: by SIGTERM, and by its channel's end, in case somebody else's
 * SIGTERM, which it does not obey, lies before ours. */
void process_dismiss(struct process *p);

/* Says why it is about to be ended, for its obituary: "hang: no progress for
 * 7 s". The first reason stays. */
void process_blame(struct process *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
const char *process_blamed(const struct process *p); /* "" if nobody did */

/* SIGKILL, for a reason that process_blame() was told; on_doomed() follows. */
void process_kill(struct process *p);
bool process_is_killed(const struct process *p); /* by that */

/* The first guess at the p99_step_us of its page, before it has one. */
void process_seed(struct process *p, uint32_t p99_us);

#endif
