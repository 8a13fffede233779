/*
 * bucket - a rate limit: a bucket that holds one minute's worth, is full at
 * first and fills steadily.
 */
#ifndef FRONT_BUCKET_H
#define FRONT_BUCKET_H

#include <stdint.h>

struct bucket {
	int64_t level;	/* of the rate's things, times 60,000 */
	uint64_t at_ms; /* when it was that; 0: never used, so full */
};

/* Milliseconds until n more may be taken at `rate` a minute; 0: now. A bucket
 * that owes (bucket_take() may take more than there is) gives nothing until
 * it is even. rate 0: no limit. */
uint64_t bucket_wait(
    struct bucket *b, uint32_t rate, uint32_t n, uint64_t now_ms);

/* Takes n, whether they are there or not. */
void bucket_take(struct bucket *b, uint32_t rate, uint32_t n, uint64_t now_ms);

#endif
