/*
 * maps - which files a dead process had in its memory, and where.
 */
#ifndef AUTOPSY_MAPS_H
#define AUTOPSY_MAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct range {
	uint64_t from;
	uint64_t to;
	uint64_t offset; /* in the file */
	bool is_code;
	bool is_readable_file; /* one that we open */
	char name[256];	       /* path; "[stack]"; or "" */
};

struct maps {
	struct range *v;
	size_t n;
};

/* text is a stranger's: a line that is not like the kernel's is left out. 0 or
 * ERR_NOMEM; maps_done() in any case. */
int maps_read(struct maps *ret, const char *text, size_t n)
    __attribute__((warn_unused_result));
void maps_done(struct maps *m);

/* NULL if nothing is there. */
const struct range *maps_find(const struct maps *m, uint64_t at);

/* The lines of files that may be opened, in the kernel's form. */
int maps_write(const struct maps *m, FILE *out)
    __attribute__((warn_unused_result));

#endif
