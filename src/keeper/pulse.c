#include "keeper/pulse.h"

#define TIMES 20u	       /* as long as usual: not before */
#define MOST_MS (3600u * 1000) /* whatever a child announces */
#define LOOKS 4u	       /* within the least deadline */
#define INTERVAL_MIN_MS 20u
#define INTERVAL_MAX_MS 1000u

void
pulse_init(struct pulse *p, const struct pulse_limits *limits)
{
	*p = (struct pulse){ .limits = *limits };
}

uint64_t
pulse_interval(const struct pulse_limits *limits)
{
	uint64_t ms = limits->hang_ms / LOOKS;

	if (limits->hang_ms == 0)
		return 0;
	if (ms < INTERVAL_MIN_MS)
		return INTERVAL_MIN_MS;
	return ms < INTERVAL_MAX_MS ? ms : INTERVAL_MAX_MS;
}

void
pulse_await(struct pulse *p, uint64_t now_ms)
{
	p->awaited_ms = now_ms;
}

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t
pulse_deadline(const struct pulse_limits *limits, const struct progress *page)
{
	uint32_t phase = atomic_load(&page->phase);
	uint64_t p99 = atomic_load(&page->p99_step_us);
	uint64_t ms = larger(p99, atomic_load(&page->expect_us)) * TIMES / 1000;

	ms = larger(ms, limits->hang_ms);
	if (p99 == 0 && (phase == PHASE_PREFILL || phase == PHASE_DECODE))
		ms = larger(ms, limits->first_ms);
	return ms < MOST_MS ? ms : MOST_MS;
}

static bool
has_moved(const struct pulse *p, uint64_t count, uint32_t phase)
{
	return p->looked_ms == 0 || p->count != count || p->phase != phase;
}

/* Whether anything is owed now. */
static bool
owes(const struct pulse *p, uint64_t now_ms)
{
	if (p->phase != PHASE_IDLE)
		return true;
	return p->awaited_ms != 0 &&
	    now_ms - p->awaited_ms <= 2 * pulse_interval(&p->limits);
}

/* What has passed for the child since the last look, but no more than the
 * keeper would have slept through by itself. */
static uint64_t
passed(const struct pulse *p, uint64_t now_ms, uint64_t waited_ms)
{
	uint64_t most = 2 * pulse_interval(&p->limits);
	uint64_t ms = now_ms - p->looked_ms;
	uint64_t waited =
	    waited_ms > p->waited_ms ? waited_ms - p->waited_ms : 0;

	ms = ms < most ? ms : most;
	return ms > waited ? ms - waited : 0;
}

bool
pulse_look(struct pulse *p, const struct progress *page, uint64_t now_ms,
    uint64_t waited_ms)
{
	uint64_t count = atomic_load(&page->count) + atomic_load(&page->turns);
	uint32_t phase = atomic_load(&page->phase);

	if (has_moved(p, count, phase)) {
		p->still_ms = 0;
		p->awaited_ms = 0;
	} else if (owes(p, now_ms)) {
		p->still_ms += passed(p, now_ms, waited_ms);
	} else {
		p->still_ms = 0;
	}
	p->count = count;
	p->phase = phase;
	p->looked_ms = now_ms;
	p->waited_ms = waited_ms;
	return p->limits.hang_ms != 0 && p->still_ms > 0 &&
	    p->still_ms >= pulse_deadline(&p->limits, page);
}

bool
pulse_is_idle(const struct pulse *p)
{
	return p->looked_ms != 0 && p->phase == PHASE_IDLE;
}
