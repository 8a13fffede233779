/*
 * frames - the functions that the threads of a dead process were in.
 */
#ifndef AUTOPSY_FRAMES_H
#define AUTOPSY_FRAMES_H

#include "base/err.h"
#include "wire/lastwords.h"

#include <stdbool.h>

#define FRAMES_MAX 128u /* of one thread */

struct frame {
	uint64_t pc;
	uint64_t offset;    /* of pc in the module's file */
	char module[96];    /* name of the file, without its folder; or "" */
	char function[256]; /* or "" */
	char file[160];	    /* of the source, or "" */
	int line;
	bool is_guess; /* found lying on the stack, not by unwinding */
};

struct frames;

/* Maps the modules that the process had. w is a stranger's and must not change
 * any more. allowed: folders, ended by NULL, whose files may be opened.
 * NULL with a reason in f. */
struct frames *frames_open(struct lastwords *w, struct fail *f);
void frames_close(struct frames *f); /* NULL is allowed */

/* Those of the i-th thread, the innermost first. How many. */
size_t frames_of(struct frames *f, uint32_t i, struct frame ret[FRAMES_MAX]);

/* The frame that a person wants to see first: the innermost one that is not
 * the C library's or our own way of dying. NULL if there is none. */
const struct frame *frames_top(const struct frame *v, size_t n);

#endif
