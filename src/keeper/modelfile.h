/*
 * modelfile - opens a file that somebody wants served, after the checks that
 * can be made without parsing it: only a worker, in its jail, does that.
 */
#ifndef KEEPER_MODELFILE_H
#define KEEPER_MODELFILE_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/stat.h>

/* A file as it was when it was opened. */
struct modelfile {
	int fd;
	struct stat st;
};

/* 0, the descriptor (close-on-exec) belonging to the caller; ERR_FILE with one
 * line that names the path and says what to do. */
int modelfile_open(const char *path, struct modelfile *ret, struct fail *f)
    MUST_CHECK;

/* Closes it; fd may be -1. */
void modelfile_close(struct modelfile *m);

bool modelfile_is_same(const struct modelfile *m, const struct stat *st);

/* Has the kernel keep everybody waiting who wants to write to the file, and say
 * so by SIGIO, which must not be at its default. False where it will not: the
 * file is another user's, somebody has it open for writing, or it is not on a
 * file system that can. */
bool modelfile_guard(const struct modelfile *m);
void modelfile_unguard(const struct modelfile *m);

/* Whether somebody waits to write to a guarded one. */
bool modelfile_is_wanted(const struct modelfile *m);

/* Whether the open file is still what it was: 0, else ERR_FILE. An overwrite in
 * place would give silently other results. */
int modelfile_check(const struct modelfile *m, const char *path, struct fail *f)
    MUST_CHECK;

#define MODELFILE_ID_MAX 96u

/* Which file it is, as text that is another for any other: device, inode, size
 * and time of the last change. */
void modelfile_id(const struct modelfile *m, char ret[MODELFILE_ID_MAX]);

/* "name" for "/x/name.gguf"; at most n bytes with the NUL. */
void modelfile_name(const char *path, char *ret, size_t n);

#endif
