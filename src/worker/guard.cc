#include "worker/guard.hh"

extern "C" {
#include "worker/guard.h"
}

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <malloc.h>
#include <system_error>

namespace guard
{

namespace
{

constexpr size_t ALLOCATION = 64; /* what each costs besides its bytes */

/* What is still given, each time, once a budget is spent: errors are told in
 * words. Some of llama.cpp catches what is thrown, and would go on. */
constexpr size_t SCRAP = 4096;

/* CPU time that goes by in what one budget is for. */
constexpr int64_t MOST_US = 2000000;

/* Between two looks at the clock: a fraction of a millisecond, mostly. */
constexpr uint32_t TICK = 1024; /* allocations */

enum ceiling { NONE, MEMORY, TIME };

/* Volatile, because compilers take it that new changes nothing else. */
thread_local volatile bool is_counted;
thread_local volatile int64_t left;
thread_local volatile ceiling hit;
thread_local volatile bool is_returned;
thread_local bool is_time_alone;
thread_local size_t size;
thread_local uint32_t since_tick;
thread_local int64_t began_us; /* at the first tick; 0: it has not come */
thread_local bool is_late;
void (*beat)(void *);
void *beat_arg;

int64_t
cpu_us()
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return int64_t(t.tv_sec) * 1000000 + t.tv_nsec / 1000;
}

/* Bounded work goes on, so it is no hang, however little of a processor it
 * gets; until it should have ended long since. */
void
tick()
{
	int64_t now = cpu_us();

	since_tick = 0;
	if (began_us == 0)
		began_us = now;
	is_late = now - began_us > MOST_US;
	if (beat != nullptr && now - began_us <= 2 * MOST_US)
		beat(beat_arg);
}

/* What is given back is known by what malloc(3) made of it. */
size_t
cost_of(void *p)
{
	return malloc_usable_size(p) + ALLOCATION;
}

/* What the next n bytes are too much of. A destructor that may not throw, as
 * those of JSON values, makes a list of pointers now and then and never a
 * string: nothing is refused that is a multiple of 8 while there is a quarter
 * more to give. */
ceiling
too_much(size_t n)
{
	int64_t cost = int64_t(n + ALLOCATION);
	bool is_string = n % 8 != 0;

	if (is_time_alone)
		return is_late ? TIME : NONE;
	if (is_late && is_string)
		return TIME;
	if (hit != NONE && n <= SCRAP)
		return NONE;
	if (cost > left && (is_string || cost > left + int64_t(size / 4)))
		return MEMORY;
	return NONE;
}

/* The same while what was thrown is on its way up. */
bool
may_throw()
{
	return std::uncaught_exceptions() == 0;
}

std::string
one_line(std::string s)
{
	std::replace(s.begin(), s.end(), '\n', ' ');
	return s;
}

/* llama.cpp's log makes one. */
bool
is_no_thread(const std::exception &e)
{
	auto *s = dynamic_cast<const std::system_error *>(&e);

	return s != nullptr &&
	    s->code() == std::errc::resource_unavailable_try_again;
}

int
no_memory(const char *field, struct fail *f)
{
	ceiling what = hit;

	if (!is_counted)
		hit = NONE;
	if (what == MEMORY)
		return fail_set(f, ERR_INVALID, field,
		    "%s: too complex: it takes more than %zu MiB to work on",
		    field, size >> 20);
	if (what == TIME)
		return fail_set(f, ERR_INVALID, field,
		    "%s: too complex: it takes more than %lld s to work on",
		    field, static_cast<long long>(MOST_US / 1000000));
	return fail_set(f, ERR_NOMEM, field, "out of memory");
}

} // namespace

bool
may_take(size_t n)
{
	ceiling what = NONE;

	if (!is_counted)
		return true;
	if (++since_tick >= TICK)
		tick();
	what = too_much(n);
	if (what == NONE || !may_throw())
		return true;
	hit = what;
	is_late = false; /* until the next tick */
	return false;
}

void
taken(void *p)
{
	if (is_counted)
		left = left - int64_t(cost_of(p));
}

void
given_back(void *p)
{
	if (is_returned && p != nullptr)
		left = left + int64_t(cost_of(p));
}

budget::budget(size_t n, counting how)
{
	size = n;
	left = int64_t(n);
	hit = NONE;
	since_tick = 0;
	began_us = 0;
	is_late = false;
	is_counted = true;
	is_returned = how == WHAT_IS_HELD;
	is_time_alone = how == TIME_ALONE;
}

budget::~budget()
{
	is_counted = false;
	is_returned = false;
	is_time_alone = false;
	if (std::uncaught_exceptions() == 0)
		hit = NONE; /* else failed() has to know */
}

void
budget::check()
{
	if (hit != NONE)
		throw std::bad_alloc();
}

bool
budget::is_spent()
{
	return hit != NONE;
}

std::string
string_of(struct str s)
{
	return std::string(s.p, s.n);
}

struct str
view(const std::string &s)
{
	return { s.data(), s.size() };
}

int
append(struct buf *out, const std::string &s)
{
	buf_put(out, s.data(), s.size());
	return buf_err(out);
}

int
too_deep(struct fail *f, const char *field, size_t limit)
{
	return fail_set(f, ERR_INVALID, field,
	    "%s: nested deeper than %zu levels", field, limit);
}

int
failed(int err, const char *field, struct fail *f)
{
	if (hit != NONE) /* whatever llama.cpp has made of that */
		return no_memory(field, f);
	try {
		throw;
	} catch (const std::bad_alloc &) {
		return no_memory(field, f);
	} catch (const std::exception &e) {
		if (is_no_thread(e))
			return fail_set(f, ERR_NOMEM, field,
			    "%s: the system allows no more threads", field);
		return fail_set(
		    f, err, field, "%s: %s", field, one_line(e.what()).c_str());
	} catch (...) {
		return fail_set(f, err, field, "%s: unknown exception", field);
	}
}

} // namespace guard

void
guard_beats(void (*fn)(void *), void *arg)
{
	guard::beat = fn;
	guard::beat_arg = arg;
}
