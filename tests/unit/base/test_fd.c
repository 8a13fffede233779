/* Whole reads and writes of descriptors. */
#include "base/fd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
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

/* Nobody is at the other end of the FIFO. */
static void
test_open_file(void **state)
{
	static char folder[] = "/tmp/bulkhead-test-XXXXXX";
	const char *why = "";
	int dir, fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	dir = open(folder, O_RDONLY | O_DIRECTORY);
	assert_true(dir >= 0);
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(symlinkat("/dev/null", dir, "link"), 0);
	assert_int_equal(fd_open_file(dir, "fifo", 0, &why), -1);
	assert_non_null(strstr(why, "FIFO"));
	assert_int_equal(fd_open_file(dir, "none", 0, &why), -1);
	assert_non_null(strstr(why, "No such file"));
	assert_int_equal(fd_open_file(dir, "link", O_NOFOLLOW, &why), -1);
	fd = fd_open_file(dir, "link", 0, &why);
	assert_true(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlinkat(dir, "fifo", 0), 0);
	assert_int_equal(unlinkat(dir, "link", 0), 0);
	assert_int_equal(close(dir), 0);
	assert_int_equal(rmdir(folder), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_open_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
