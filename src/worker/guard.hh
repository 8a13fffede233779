/*
 * guard - between llama.cpp's C++ and the rest of the worker: exceptions become
 * errors, and what it allocates and the time that it takes have a ceiling.
 */
#ifndef WORKER_GUARD_HH
#define WORKER_GUARD_HH

/* C headers that do not know C++. */
extern "C" {
#include "base/buf.h"
}

#include <cstddef>
#include <exception>
#include <new>
#include <string>

namespace guard
{

enum counting {
	ALL_EVER, /* also what was given back: for what may go on for ever */
	WHAT_IS_HELD, /* for what copies a lot */
	TIME_ALONE,   /* for what has no destructor that allocates */
};

/* While one lives, this thread's allocations count; past n bytes, or 2 seconds
 * of CPU time, new throws std::bad_alloc. There is one at a time. */
class budget
{
      public:
	explicit budget(size_t n, counting how = ALL_EVER);
	~budget();
	budget(const budget &) = delete;
	budget &operator=(const budget &) = delete;

	static bool is_spent();

	/* Throws std::bad_alloc if it is: at the end of work whose exceptions
	 * somebody may have caught. */
	static void check();
};

/* What new.cc asks before it gives n bytes (false: throws), and says of what
 * it has given and got back. */
bool may_take(size_t n);
void taken(void *p);
void given_back(void *p);

std::string string_of(struct str s);

/* Good until s changes. */
struct str view(const std::string &s);

/* 0, ERR_NOMEM or ERR_TOO_BIG. */
int append(struct buf *out, const std::string &s);

int too_deep(struct fail *f, const char *field, size_t limit);

/* What an exception that is being handled means: err, with its words, or that
 * memory or a budget is used up. */
int failed(int err, const char *field, struct fail *f);

/* Runs fn, which returns 0 or an error, and turns what it throws into err. */
template <typename Fn>
int
guarded(int err, const char *field, struct fail *f, Fn fn)
{
	try {
		return fn();
	} catch (...) {
		return failed(err, field, f);
	}
}

} // namespace guard

#endif
