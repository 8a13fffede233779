#include "front/bucket.h"

#define MINUTE 60000 /* ms; and the unit of level is 1 / MINUTE */

static void
fill(struct bucket *b, uint32_t rate, uint64_t now_ms)
{
	int64_t full = (int64_t)rate * MINUTE;
	uint64_t gone = now_ms - b->at_ms;
	/* Even one that owes a lot is full again in a day. */
	const uint64_t day = 24u * 60 * MINUTE;

	if (b->at_ms == 0 || gone > day)
		b->level = full;
	else
		b->level += (int64_t)gone * rate;
	if (b->level > full)
		b->level = full;
	b->at_ms = now_ms;
}

uint64_t
bucket_wait(struct bucket *b, uint32_t rate, uint32_t n, uint64_t now_ms)
{
	int64_t missing;

	if (rate == 0)
		return 0;
	fill(b, rate, now_ms);
	/* More than fits would wait for ever. */
	missing = (int64_t)(n < rate ? n : rate) * MINUTE - b->level;
	return missing <= 0 ? 0 : ((uint64_t)missing + rate - 1) / rate;
}

void
bucket_take(struct bucket *b, uint32_t rate, uint32_t n, uint64_t now_ms)
{
	if (rate == 0)
		return;
	fill(b, rate, now_ms);
	b->level -= (int64_t)n * MINUTE;
}
