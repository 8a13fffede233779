/* Of the whole process, also of llama.cpp: the only place to count. In a file
 * of its own, because a program that has the engine as a guest
 * (compat/rkllmrt) keeps its own. */
#include "worker/guard.hh"

#include <cstdlib>
#include <new>

void *
operator new(size_t n)
{
	void *p;

	if (!guard::may_take(n))
		throw std::bad_alloc();
	p = malloc(n > 0 ? n : 1);
	if (p == nullptr)
		throw std::bad_alloc();
	guard::taken(p);
	return p;
}

/* The library's own would do the same, but a sanitizer's takes its memory from
 * elsewhere, and knows that. */
void *
operator new(size_t n, const std::nothrow_t &) noexcept
{
	try {
		return operator new(n);
	} catch (const std::bad_alloc &) {
		return nullptr;
	}
}

void
operator delete(void *p) noexcept
{
	guard::given_back(p);
	free(p);
}

void
operator delete(void *p, size_t) noexcept
{
	operator delete(p);
}
