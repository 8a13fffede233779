/*
 * times - what an answer cost, in tokens and time, and llama-server's words
 * for it.
 */
#ifndef HTTP_TIMES_H
#define HTTP_TIMES_H

#include "base/buf.h"

/* Of one choice. */
struct choice_times {
	uint32_t n_prompt;
	uint32_t n_cached; /* of these, that were not computed */
	uint32_t n_out;
	uint64_t prefill_us;
	uint64_t decode_us;
};

/* Of an answer's choices, in tokens. */
struct answer_counts {
	uint64_t prompt;
	uint64_t cached; /* of these */
	uint64_t output;
};

/* {"prompt_n":...}: llama-server's "timings". */
void times_put(struct buf *out, const struct choice_times *t);

#endif
