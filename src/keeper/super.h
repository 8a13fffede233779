/*
 * super - keeps one process in the state that its table (child.h) says: does
 * what the table answers, sets its deadlines, tells its owner.
 */
#ifndef KEEPER_SUPER_H
#define KEEPER_SUPER_H

#include "keeper/child.h"
#include "keeper/obituary.h"
#include "keeper/process.h"
#include "keeper/pulse.h"

struct super;

struct super_ops {
	/* The process has been started: say the first words to it. */
	void (*on_spawn)(void *arg, struct process *p);
	int (*on_frame)(void *arg, struct frame *f);
	/* Ask it to leave; in a hurry: now. */
	void (*ask)(void *arg, struct process *p, bool hurry);
	/* Whether it should have died, and so; else there is an obituary. */
	bool (*was_due)(void *arg, const struct death *d);
	/* It was not due: whose it was is for the owner to fill in, and who
	 * writes it down takes words, the dead child's page. */
	void (*bury)(void *arg, struct obituary *o, int words);
	/* It is dead: what can be found out of it may go to process_blame().
	 * True when another would die of the same. NULL: nothing is looked
	 * for. */
	bool (*examine)(void *arg, struct process *p, const struct death *d);
	/* It died; p is still there. what says of what. The owner logs it. */
	void (*on_death)(void *arg, struct process *p, const char *what);
	/* It hangs and is aborted, or SIGKILL does not end it. The owner logs
	 * it. */
	void (*on_trouble)(void *arg, struct process *p, const char *what);
	/* Give it a reason to move: it is idle, and nobody else would. NULL
	 * for one that others wait for. */
	void (*nudge)(void *arg, struct process *p);
	/* It could not even be started. */
	void (*on_no_start)(void *arg, const struct fail *f);
	/* The state is another now. The owner may free the super here. */
	void (*on_state)(void *arg, enum child_state now);
	/* Whether it has got work done that a mere crash loop would not. */
	bool (*has_worked)(const struct progress *p);
};

/* NULL if out of memory. prog and ops must outlive it. */
struct super *super_new(struct loop *l, const struct child_limits *limits,
    const struct pulse_limits *pulse, const struct program *prog,
    const struct super_ops *ops, void *arg);

/* NULL is allowed. Kills the process if there is one. */
void super_free(struct super *s);

/* The events that come from outside: START, READY, STOP, HURRY, HANG. */
void super_event(struct super *s, enum child_event ev);

/* Somebody waits for an answer of it, and has for a while: see pulse.h. */
void super_await(struct super *s);

/* See child_trust(), child_pardon(). */
void super_trust(struct super *s);
void super_pardon(struct super *s);

enum child_state super_state(const struct super *s);

/* Asked to leave, and it has not left: however the asking goes on. */
bool super_is_leaving(const struct super *s);

/* Whether the last death was none to wonder about: ops->was_due(). */
bool super_was_due(const struct super *s);

/* Whether its process was sent SIGKILL by us. */
bool super_is_condemned(const struct super *s);

/* Whether the process that is there, or that has just died, was once ready. */
bool super_was_up(const struct super *s);

/* NULL when there is none. */
struct process *super_process(struct super *s);

/* Whether that is its process. */
bool super_owns(const struct super *s, pid_t pid);

/* Deaths since it was made, and the last one: in words ("" if none) and when
 * (seconds of the epoch, 0). */
uint32_t super_deaths(const struct super *s);
const char *super_last_death(const struct super *s);
uint64_t super_died_unix(const struct super *s);

/* Of the last death that was not due; "" if none. */
const char *super_crash_id(const struct super *s);

/* Milliseconds until the next try, if one is to come, else 0. */
uint64_t super_next_try(const struct super *s);

#endif
