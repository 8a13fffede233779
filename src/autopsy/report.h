/*
 * report - an obituary as JSON: what the keeper knew, what the dead process
 * had noted, and its threads.
 */
#ifndef AUTOPSY_REPORT_H
#define AUTOPSY_REPORT_H

#include "autopsy/frames.h"
#include "wire/obituary.h"

struct report {
	const struct obituary *what;
	struct lastwords *words; /* NULL: there is no page */
	struct frames *frames;	 /* NULL: stacks as bytes instead */
	const char *autopsy;	 /* how far this came */
};

void report_put(struct buf *b, const struct report *r);

#endif
