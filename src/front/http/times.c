#include "front/http/times.h"

static double
ms_of(uint64_t us)
{
	return (double)us / 1000.0;
}

static double
per_second(uint32_t n, uint64_t us)
{
	return us == 0 ? 0.0 : (double)n * 1e6 / (double)us;
}

void
times_put(struct buf *out, const struct choice_times *t)
{
	buf_printf(out,
	    "{\"prompt_n\":%u,\"prompt_ms\":%.3f,"
	    "\"prompt_per_second\":%.3f,\"predicted_n\":%u,"
	    "\"predicted_ms\":%.3f,\"predicted_per_second\":%.3f}",
	    t->n_prompt, ms_of(t->prefill_us),
	    per_second(t->n_prompt, t->prefill_us), t->n_out,
	    ms_of(t->decode_us), per_second(t->n_out, t->decode_us));
}
