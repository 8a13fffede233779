/*
 * emulated - for tests that cannot be had under qemu-user, where the preset
 * arm64 runs: it passes system calls on, but not all of them and not all as
 * they are, and a token takes a hundred times as long.
 */
#ifndef TESTS_EMULATED_H
#define TESTS_EMULATED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* CTest says so: tests/CMakeLists.txt. */
static inline bool
is_emulated(void)
{
	return getenv("BULKHEAD_EMULATED") != NULL;
}

/* In a test: not under the emulator, and why. */
static inline void
skip_emulated(const char *why)
{
	if (!is_emulated())
		return;
	print_message("not under the emulator: %s\n", why);
	skip();
}

/* In main(), of all that the file has: true is to return EXIT_SKIPPED. */
#define EXIT_SKIPPED 77
static inline bool
is_not_for_emulator(const char *why)
{
	if (is_emulated())
		(void)printf("not under the emulator: %s\n", why);
	return is_emulated();
}

#endif
