#include "worker/guard.hh"

#include <algorithm>
#include <cstdlib>
#include <malloc.h>
#include <system_error>

namespace guard
{

namespace
{

constexpr size_t ALLOCATION = 64; /* what each costs besides its bytes */

/* What is still given once a budget is spent: enough to clean up with. Some of
 * llama.cpp catches what is thrown, and would go on. */
constexpr size_t SCRAP = 4096;

/* Volatile, because compilers take it that new changes nothing else. */
thread_local volatile bool is_counted;
thread_local volatile size_t left;
thread_local volatile bool was_spent;
thread_local volatile bool is_returned;
thread_local size_t size;

/* What is given back is known by what malloc(3) made of it. */
size_t
cost_of(void *p)
{
	return malloc_usable_size(p) + ALLOCATION;
}

bool
is_too_much(size_t n)
{
	if (was_spent)
		return n > SCRAP;
	return n + ALLOCATION >= left;
}

void
charge(void *p)
{
	size_t cost = cost_of(p);

	left = left > cost ? left - cost : 0;
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
	size_t most;

	if (budget::take_spent(&most))
		return fail_set(f, ERR_INVALID, field,
		    "%s: too complex: it takes more than %zu MiB to work on",
		    field, most >> 20);
	return fail_set(f, ERR_NOMEM, field, "out of memory");
}

} // namespace

budget::budget(size_t n, counting how)
{
	left = size = n;
	was_spent = false;
	is_counted = true;
	is_returned = how == WHAT_IS_HELD;
}

budget::~budget()
{
	is_counted = false;
	is_returned = false;
}

void
budget::check()
{
	if (was_spent)
		throw std::bad_alloc();
}

bool
budget::is_spent()
{
	return was_spent;
}

bool
budget::take_spent(size_t *ret_size)
{
	bool is = was_spent;

	was_spent = false;
	*ret_size = size;
	return is;
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

/* Of the whole process, also of llama.cpp: the only place to count. */
void *
operator new(size_t n)
{
	void *p;

	if (guard::is_counted && guard::is_too_much(n)) {
		guard::was_spent = true;
		throw std::bad_alloc();
	}
	p = malloc(n > 0 ? n : 1);
	if (p == nullptr)
		throw std::bad_alloc();
	if (guard::is_counted)
		guard::charge(p);
	return p;
}

void
operator delete(void *p) noexcept
{
	if (guard::is_returned && p != nullptr)
		guard::left = guard::left + guard::cost_of(p);
	free(p);
}

void
operator delete(void *p, size_t) noexcept
{
	operator delete(p);
}
