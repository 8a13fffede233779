/* The page is shared, and a child cannot pull it from under the keeper. */
#include "wire/progress.h"

#include "base/err.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_shared(void **state)
{
	struct progress *mine, *theirs;
	int fd, status;
	pid_t pid;

	(void)state;
	assert_int_equal(progress_make(&mine, &fd), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(mine->count, 0);
	assert_int_equal(mine->phase, PHASE_START);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		theirs = progress_map(fd);
		if (theirs == NULL)
			_exit(1);
		atomic_fetch_add(&theirs->count, 7);
		atomic_store(&theirs->phase, PHASE_DECODE);
		progress_unmap(theirs);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(mine->count, 7);
	assert_int_equal(mine->phase, PHASE_DECODE);
	progress_unmap(mine);
	(void)close(fd);
}

/* A page cut to nothing would kill who reads it with SIGBUS. */
static void
test_cannot_be_cut(void **state)
{
	struct progress *p;
	int fd;

	(void)state;
	assert_int_equal(progress_make(&p, &fd), 0);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 1 << 20), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_int_equal(p->count, 0);
	progress_unmap(p);
	(void)close(fd);
}

static void
test_odds(void **state)
{
	(void)state;
	assert_null(progress_map(-1));
	progress_unmap(NULL);
	assert_string_equal(progress_phase_name(PHASE_DECODE), "decode");
	assert_string_equal(progress_phase_name(PHASE_NPHASES), "?");
	assert_string_equal(progress_phase_name(UINT32_MAX), "?");
	for (uint32_t i = 0; i < PHASE_NPHASES; i++)
		assert_non_null(progress_phase_name(i));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_cannot_be_cut),
		cmocka_unit_test(test_odds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
