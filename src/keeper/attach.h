/*
 * attach - the files that clients have attached to one model: opened here,
 * given to each of its workers in turn, and closed with their last user.
 *
 * A worker is asked for all of them in the order of their ids, and answers in
 * that order; so if it dies while it reads one, that is the first it has not
 * answered. Such a file is given to no other worker: its users hear of the
 * crash, and the model and what it runs go on without it.
 */
#ifndef KEEPER_ATTACH_H
#define KEEPER_ATTACH_H

#include "base/list.h"
#include "keeper/modelfile.h"
#include "wire/msg.h"

struct cachedir;
struct quarantine;

#define ATTACH_MAX 64u	      /* files of one model */
#define ATTACH_CACHES_MAX 16u /* of these, of each kind of prompt cache */
#define ATTACH_REFS_MAX 256u  /* who wait for one of them */

struct attach_ops {
	/* fd is not taken. */
	void (*to_worker)(void *arg, enum msg m, const void *st, int fd);
	void (*to_front)(void *arg, const struct model_attached *a);
	void (*saved)(void *arg, const struct model_saved *s);
};

struct attachments {
	const struct attach_ops *ops;
	void *arg;
	struct quarantine *bad_files;
	struct cachedir *dir; /* of prompt caches */
	uint32_t model;	      /* its id */
	uint32_t n_others;    /* adapters that are not of clients */
	struct list all;      /* struct attachment, by their ids */
	uint32_t n;
	uint32_t last_id;
	bool has_worker; /* there is one, and it has its model */
};

/* How a worker died, as far as it matters here. */
struct attach_death {
	bool was_reading;  /* it read one of these */
	bool was_outside;  /* somebody else ended it */
	const char *what;  /* for people */
	const char *crash; /* the id of its obituary, or "" */
};

void attach_init(struct attachments *a, const struct attach_ops *ops, void *arg,
    uint32_t model, struct quarantine *bad_files, struct cachedir *dir);

/* Closes all; nobody is told. */
void attach_done(struct attachments *a);

/* Answered, now or later, exactly once. path is terminated. */
void attach_want(
    struct attachments *a, uint32_t ref, uint8_t kind, const char *path);

/* One user less. An unknown id is harmless. */
void attach_drop(struct attachments *a, uint32_t id);

/* A new worker was told of its model: what is to be there is asked of it. */
void attach_give(struct attachments *a);

/* What the worker answered: 0, or ERR_PROTO. */
int attach_on_reply(struct attachments *a, const struct worker_attached *w)
    MUST_CHECK;

/* What it has left in the memory of an ATTACH_SAVE: the file is written, then
 * the front is told. 0, or ERR_PROTO. */
int attach_on_saved(struct attachments *a, const struct worker_saved *w)
    MUST_CHECK;

/* The worker is dead. True: of one of the files, not of what it ran. */
bool attach_on_death(struct attachments *a, const struct attach_death *d);

/* There will be no worker: who waits is told why. */
void attach_fail(struct attachments *a, const struct fail *why);

/* The front, and so every user, is gone. */
void attach_forget(struct attachments *a);

#endif
