/*
 * crashes - how obituaries look on a terminal.
 */
#ifndef CLI_CRASHES_H
#define CLI_CRASHES_H

#include "json/read.h"

#define CRASHES_CELL 96
enum { CRASHES_CELLS = 6 };

struct crashes_row {
	char cells[CRASHES_CELLS][CRASHES_CELL];
};

struct crashes_list {
	struct crashes_row *v; /* to free(3) */
	size_t n;
};

/* One obituary, as a line of the list. Out of memory: left out. */
void crashes_add(struct crashes_list *l, const struct json_value *c);
void crashes_print(const struct crashes_list *l);

/* One obituary, whole. */
void crashes_show(const struct json_value *c);

#endif
