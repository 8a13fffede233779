/*
 * deadline - how long a generation may take: in the queue, to its first token
 * and in all. The server has a limit for each, a request may ask for less.
 */
#ifndef FRONT_DEADLINE_H
#define FRONT_DEADLINE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds; 0: no limit, in a request: the server's. */
struct gen_times {
	uint32_t queue_ms;
	uint32_t first_ms;   /* from its admission to its first token */
	uint32_t total_ms;   /* from its admission to its last */
	uint32_t predict_ms; /* llama-server's t_max_predict_ms: at the first
			      * token of a new line this long after the first
			      * token it is ended as by max_tokens */
	uint64_t since_ms;   /* clock_ms() of its admission; 0: now */
};

enum deadline {
	DEADLINE_NONE,
	DEADLINE_QUEUE,
	DEADLINE_LOAD, /* the same, and its model was not loaded */
	DEADLINE_FIRST,
	DEADLINE_TOTAL,
	DEADLINE_COUNT
};

/* Lowers what the request asked for to what the server allows. */
void deadline_limit(struct gen_times *t, const struct gen_times *server);

/* The earliest that is still ahead (had_slot: it has left the queue), and when
 * it is, in milliseconds from its admission. */
enum deadline deadline_next(
    const struct gen_times *t, bool had_slot, bool had_token, uint64_t *ret_ms);

/* Says in ret which one passed, how long that was and what to do. */
int deadline_fail(enum deadline d, const struct gen_times *t, struct fail *ret);

#endif
