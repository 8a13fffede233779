/* What the kernel's small files say. */
#include "keeper/kernel.h"

#include "folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
test_numbers(void **state)
{
	static const char events[] = "low 0\nhigh 1\nmax 12\noom 3\n"
				     "oom_kill 4\noom_group_kill 5\n";

	(void)state;
	assert_int_equal(kernel_number(events, "low"), 0);
	assert_int_equal(kernel_number(events, "max"), 12);
	assert_int_equal(kernel_number(events, "oom"), 3);
	assert_int_equal(kernel_number(events, "oom_kill"), 4);
	assert_int_equal(kernel_number(events, "kill"), 0);
	assert_int_equal(kernel_number("oom_kill", "oom_kill"), 0);
	assert_int_equal(kernel_number("oom_kill 7", "oom_kill"), 7);
	assert_int_equal(kernel_number("", "oom_kill"), 0);
}

static void
test_reading(void **state)
{
	char text[8] = "before";

	(void)state;
	assert_false(
	    kernel_read(AT_FDCWD, in_folder("nothing"), text, sizeof(text)));
	assert_string_equal(text, "");
	(void)write_file("some", "memory pids\n", 0600);
	assert_true(
	    kernel_read(AT_FDCWD, in_folder("some"), text, sizeof(text)));
	assert_string_equal(text, "memory ");
	/* A folder opens, and has no text. */
	assert_true(kernel_read(AT_FDCWD, in_folder("."), text, sizeof(text)));
	assert_string_equal(text, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_reading),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_unmake);
}
