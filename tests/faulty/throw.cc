extern "C" {
#include "faulty.h"
}

#include <new>
#include <stdexcept>

void
fault_throw(void)
{
	throw std::runtime_error("thrown on purpose");
}

void
fault_new(void)
{
	volatile std::size_t n = static_cast<std::size_t>(-1) / 4;
	volatile char *volatile p = new char[n];

	p[0] = 1;
}
