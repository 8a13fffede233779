/* Whole reads and writes of descriptors. */
#include "base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_get(void **state)
{
	int fd = memfd_create("x", MFD_CLOEXEC);
	char got[8] = "";

	(void)state;
	assert_true(fd >= 0 && fd_put(fd, "abcdef", 6));
	/* From the beginning, wherever its offset stands. */
	assert_int_equal(fd_get(fd, got, 4), 4);
	assert_memory_equal(got, "abcd", 4);
	assert_int_equal(fd_get(fd, got, sizeof(got)), 6);
	assert_memory_equal(got, "abcdef", 6);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 6);
	assert_int_equal(fd_get(fd, got, 0), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(fd_get(fd, got, sizeof(got)), 0);
	assert_int_equal(fd_get(-1, got, sizeof(got)), 0);
}

static void
test_put(void **state)
{
	int ends[2];
	char got[8] = "";

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_true(fd_put(ends[1], "abc", 3));
	assert_int_equal(read(ends[0], got, sizeof(got)), 3);
	assert_int_equal(close(ends[1]), 0);
	assert_false(fd_put(ends[1], "abc", 3));
	assert_int_equal(close(ends[0]), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
