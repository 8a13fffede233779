/*
 * probes - has the heads of models' files read by bulkhead-probe, a few at a
 * time and in no hurry, so that lists say what a file is before it is loaded.
 *
 * What was found out of a file is kept for as long as it is the same: device,
 * inode, size, time of the last change.
 */
#ifndef KEEPER_PROBES_H
#define KEEPER_PROBES_H

#include "base/list.h"
#include "base/loop.h"
#include "jail/jail.h"
#include "wire/probe.h"

#include <sys/stat.h>

struct probes;

/* Of one model. */
struct modelprobe {
	struct list link; /* in the queue, or alone */
	const char *path; /* NULL: nobody has asked */
	bool is_known;	  /* about is there; err and why of it say whether the
			   * file can be served */
	struct stat st;	  /* which file that is of */
	struct probe about;
	void *mem; /* its texts */
};

/* mp is known now, or is known anew. */
typedef void (*probed_fn)(void *arg, struct modelprobe *mp);

/* exe: bulkhead-probe, "" if it is not installed; env: all of its environment.
 * Both must outlive it. NULL if out of memory. Nothing is started yet. */
struct probes *probes_new(struct loop *l, enum jail_mode jail, const char *exe,
    char *const *env, probed_fn fn, void *arg);

/* NULL is allowed. Kills what runs. */
void probes_free(struct probes *p);

/* From now on: what was asked before waits until then. */
void probes_start(struct probes *p);

void modelprobe_init(struct modelprobe *mp);

/* Nobody asks any more; frees what it holds. */
void modelprobe_done(struct probes *p, struct modelprobe *mp);

/* Asks, unless that is done already; again only where the file has changed.
 * path must live as long as mp. */
void probes_ask(struct probes *p, struct modelprobe *mp, const char *path);

/* Whether that is one of its processes. */
bool probes_own(const struct probes *p, pid_t pid);

#endif
