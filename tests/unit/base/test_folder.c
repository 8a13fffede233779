/* A folder is made with all above it, or the step that failed is told. */
#include "base/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534

static char folder[] = "/tmp/bulkhead-test-XXXXXX";
static char path[128];

static const char *
in_folder(const char *name)
{
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void
test_it_is_made(void **state)
{
	struct fail f = { .text = "" };
	struct stat st;
	int fd = -1;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(folder_open(in_folder("a/b/"), &fd, &f), 0);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0700);
		assert_int_equal(close(fd), 0);
	}
}

static void
refused(const char *name, const char *part, const char *why)
{
	struct fail f = { .text = "" };
	char text[256];
	int fd = -1;

	assert_int_equal(folder_open(in_folder(name), &fd, &f), ERR_FILE);
	assert_int_equal(fd, -1);
	(void)snprintf(text, sizeof(text), "%s: %s", in_folder(part), why);
	assert_string_equal(f.text, text);
}

static void
test_refusals(void **state)
{
	struct fail f;
	int fd;

	(void)state;
	assert_int_equal(mkdir(in_folder("open"), 0700), 0);
	assert_int_equal(chmod(path, 0777), 0);
	refused("open", "open", "everybody may write there");
	assert_int_equal(symlink("open", in_folder("link")), 0);
	assert_int_equal(folder_open(path, &fd, &f), ERR_FILE);
}

/* What is below the first that cannot be made is never reached. */
static void
test_no_rights(void **state)
{
	uid_t we = geteuid();

	(void)state;
	assert_int_equal(chmod(folder, 0555), 0);
	if (we == 0 && seteuid(NOBODY) != 0)
		skip();
	refused("new/below/it", "new", "cannot be made: Permission denied");
	assert_int_equal(seteuid(we), 0);
	assert_int_equal(chmod(folder, 0700), 0);
}

static int
make(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
clean(void **state)
{
	char command[96];

	(void)state;
	(void)snprintf(
	    command, sizeof(command), "chmod 700 %s; rm -r %s", folder, folder);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_made),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_no_rights),
	};

	return cmocka_run_group_tests(tests, make, clean);
}
