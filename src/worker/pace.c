#include "worker/pace.h"

#include "base/clock.h"

#include <math.h>
#include <stddef.h>

/* What the slowest of disks reads in a microsecond; bytes. The keeper allows
 * 20 times as long. */
#define DISK_RATE 400.0

void
pace_init(struct pace *t, struct progress *p, uint64_t size)
{
	*t = (struct pace){ .p = p, .first_us = (double)size / DISK_RATE };
	if (p != NULL)
		t->p99_us = atomic_load(&p->p99_step_us);
}

/* A running 99th percentile: up by 99 where it was too low, down by 1 where
 * it was too high, so it comes to rest where 1 in 100 is above. */
static double
p99(double now, double us)
{
	double by = now / 1000 + 0.01;

	if (now <= 0)
		return us;
	return us > now ? now + 99 * by : fmax(now - by, 0.01);
}

static double
expected(const struct pace *t, enum progress_phase phase, uint64_t n)
{
	if (t->rate_us[phase] > 0)
		return t->rate_us[phase] * (double)n;
	return t->p99_us > 0 || phase == PHASE_SUBMIT ? 0 : t->first_us;
}

void
pace_begin(struct pace *t, enum progress_phase phase, uint64_t n)
{
	t->phase = phase;
	t->n = n > 0 ? n : 1;
	t->begun_us = clock_us();
	progress_begin(t->p, phase, expected(t, phase, t->n));
}

uint64_t
pace_end(struct pace *t)
{
	uint64_t us = clock_us() - t->begun_us;
	double *rate = &t->rate_us[t->phase];

	*rate = p99(*rate, (double)us / (double)t->n);
	progress_bump(t->p);
	if (t->phase != PHASE_PREFILL && t->phase != PHASE_DECODE)
		return us;
	t->p99_us = p99(t->p99_us, (double)us);
	if (t->p != NULL)
		atomic_store(&t->p->p99_step_us,
		    (uint32_t)fmin(fmax(t->p99_us, 1), 4e9));
	return us;
}
