/* Where obituaries go, by what the environment says. */
#include "conf/crashdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
test_places(void **state)
{
	char *service[] = { (char *)"HOME=/root",
		(char *)"STATE_DIRECTORY=/var/lib/bulkhead:/x", NULL };
	char *xdg[] = { (char *)"HOME=/root", (char *)"XDG_STATE_HOME=/s",
		NULL };
	char *home[] = { (char *)"HOME=/root", (char *)"XDG_STATE_HOME=s",
		NULL };
	char long_path[PATH_MAX + 8];
	char got[PATH_MAX];

	(void)state;
	assert_true(crashdir_find("/d", service, got));
	assert_string_equal(got, "/d");
	assert_true(crashdir_find(NULL, service, got));
	assert_string_equal(got, CRASHDIR_SERVICE);
	assert_true(crashdir_find(NULL, xdg, got));
	assert_string_equal(got, "/s/bulkhead/crashes");
	assert_true(crashdir_find(NULL, home, got));
	assert_string_equal(got, "/root/.local/state/bulkhead/crashes");
	assert_true(crashdir_find(NULL, NULL, got));
	assert_non_null(strstr(got, "/tmp/bulkhead-crashes-"));
	assert_false(crashdir_find("none", service, got));
	(void)memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_false(crashdir_find(long_path, NULL, got));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
