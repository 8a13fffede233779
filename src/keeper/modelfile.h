/*
 * modelfile - opens a file that somebody wants served, after the checks that
 * can be made without parsing it: only a worker, in its jail, does that.
 */
#ifndef KEEPER_MODELFILE_H
#define KEEPER_MODELFILE_H

#include "wire/msg.h"

#include <stdbool.h>
#include <sys/stat.h>

struct modelfile {
	int fd;
	enum worker_engine engine; /* which can read it */
	struct stat st;	    /* as it was when it was opened: which one it is */
	struct stat now;    /* as it was seen last; the content is the same */
	bool is_local;	    /* only this kernel writes to it */
	bool is_approached; /* somebody has tried to open it for writing */
};

/* 0, the descriptor (close-on-exec) belonging to the caller; ERR_FILE with one
 * line that names the path and says what to do. */
int modelfile_open(const char *path, struct modelfile *ret, struct fail *f)
    MUST_CHECK;

/* Closes it; fd may be -1. */
void modelfile_close(struct modelfile *m);

bool modelfile_is_same(const struct modelfile *m, const struct stat *st);

/* Whether there is another file at path now, or this one with another content. */
bool modelfile_has_heir(const struct modelfile *m, const char *path);

/* Has the kernel keep everybody waiting who wants to write to the file, and say
 * so by SIGIO, which must not be at its default. False where it will not: the
 * file is another user's, somebody has it open for writing, or it is not on a
 * file system that can. */
bool modelfile_guard(const struct modelfile *m);

/* Not any longer; only when it is guarded. */
void modelfile_unguard(struct modelfile *m);

enum modelfile_news {
	MODELFILE_SAME,	   /* its content is what it was, whatever its times */
	MODELFILE_SOON,	   /* so it is; look again in MODELFILE_SOON_MS */
	MODELFILE_WANTED,  /* somebody waits to write, or may have done so */
	MODELFILE_UNKNOWN, /* ask modelfile_check() */
};

#define MODELFILE_SOON_MS 50u

/* What has become of a guarded one: see modelfile.c. */
enum modelfile_news modelfile_look(struct modelfile *m);

/* Whether it lies as it was seen last: neither written to, nor anything about it
 * set. */
bool modelfile_is_untouched(const struct modelfile *m);

/* Whether the open file is still what it was, as far as its size and the time of
 * its last change tell: 0, else ERR_FILE. An overwrite in place would give
 * silently other results. */
int modelfile_check(const struct modelfile *m, const char *path, struct fail *f)
    MUST_CHECK;

#define MODELFILE_ID_MAX 96u

/* Which file it is, as text that is another for any other: device, inode, size
 * and time of the last change. */
void modelfile_id(const struct modelfile *m, char ret[MODELFILE_ID_MAX]);

/* Which engine a file of that name is for: ".rkllm" is Rockchip's, whatever it
 * begins with, for their format is not public. */
enum worker_engine modelfile_engine(const char *path);

/* How many bytes of name are before ".gguf" or ".rkllm"; 0 if there are none, or
 * no such end. */
size_t modelfile_stem(const char *name);

/* "name" for "/x/name.gguf"; at most n bytes with the NUL. */
void modelfile_name(const char *path, char *ret, size_t n);

#endif
