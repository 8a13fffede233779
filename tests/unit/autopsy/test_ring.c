/* The folder of obituaries never holds more than it may, and nothing in it that
 * is not one is touched. */
#include "autopsy/ring.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/bulkhead-test-XXXXXX";
static char below[64];

static void
put(struct ring *r, unsigned i, size_t bytes)
{
	struct fail f = { .text = "" };
	char id[32];
	struct buf b;

	buf_init(&b, 1u << 20);
	for (size_t k = 0; k < bytes; k++)
		buf_put_u8(&b, 'x');
	(void)snprintf(id, sizeof(id), "20261122-1402%02u-1a2b", i);
	if (ring_put(r, id, &b, &f) != 0)
		fail_msg("%s", f.text);
	buf_done(&b);
}

static bool
has(unsigned i)
{
	char path[128];

	(void)snprintf(
	    path, sizeof(path), "%s/20261122-1402%02u-1a2b.json", below, i);
	return access(path, F_OK) == 0;
}

static unsigned
count(void)
{
	DIR *d = opendir(below);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n - 2;
}

static void
test_limits(void **state)
{
	struct ring r = { .files_max = 3, .bytes_max = 1000 };
	struct fail f = { .text = "" };
	char stranger[128];
	int fd;

	(void)state;
	assert_int_equal(ring_open(&r, str_of(below), &f), 0);
	(void)snprintf(stranger, sizeof(stranger), "%s/0-mine.json", below);
	fd = open(stranger, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	for (unsigned i = 10; i < 16; i++)
		put(&r, i, 100);
	assert_int_equal(count(), 4);
	assert_true(has(15) && has(14) && has(13) && !has(12));
	/* By bytes; and writing one anew costs no other. */
	put(&r, 16, 850);
	assert_true(has(16) && has(15) && !has(14));
	put(&r, 16, 850);
	assert_true(has(16) && has(15));
	assert_int_equal(count(), 3);
	assert_int_equal(access(stranger, F_OK), 0);
	ring_close(&r);
}

static void
test_places_that_will_not_do(void **state)
{
	struct ring r = { .files_max = 3, .bytes_max = 1000 };
	struct fail f = { .text = "" };

	(void)state;
	assert_int_equal(ring_open(&r, STR("/dev/null/below"), &f), ERR_FILE);
	assert_non_null(strstr(f.text, "/dev/null/below"));
	ring_close(&r);
	assert_int_equal(chmod(below, 0777), 0);
	assert_int_equal(ring_open(&r, str_of(below), &f), ERR_FILE);
	assert_non_null(strstr(f.text, "everybody may write"));
	ring_close(&r);
	assert_int_equal(chmod(below, 0700), 0);
}

static int
make(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(below, sizeof(below), "%s/a/b", folder);
	return 0;
}

static int
clean(void **state)
{
	char command[96];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_places_that_will_not_do),
	};

	return cmocka_run_group_tests(tests, make, clean);
}
