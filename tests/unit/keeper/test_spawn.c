/* What a child finds, and what it says when it cannot be started. */
#include "folder.h"

#include "keeper/reap.h"
#include "keeper/spawn.h"
#include "wire/progress.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

/* What the child writes to descriptor 3, until it ends. */
static char said[8192];
static struct jail_report report;

static int
start(const char *script, char *const *env, struct fail *f)
{
	const char *exe = write_file("child", script, 0755);
	struct spawn s = {
		.exe = exe,
		.name = "child",
		.env = env,
		.lastwords = -1,
		.jail = JAIL_AUTO,
	};
	struct progress *page;
	int ends[2];
	pid_t pid;
	int pidfd;
	int err;
	size_t n = 0;
	ssize_t r;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(progress_make(&page, &s.progress), 0);
	s.channel = ends[1];
	err = spawn(&s, &pid, &pidfd, &report, f);
	(void)close(ends[1]);
	while ((r = read(ends[0], said + n, sizeof(said) - 1 - n)) > 0)
		n += (size_t)r;
	said[n] = '\0';
	(void)close(ends[0]);
	(void)close(s.progress);
	progress_unmap(page);
	if (err == 0) {
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		(void)close(pidfd);
	}
	return err;
}

static void
test_descriptors_and_limits(void **state)
{
	char *const env[] = { (char *)"PATH=/usr/bin:/bin", NULL };
	struct fail f = { .text = "" };
	int stray = open("/dev/zero", O_RDONLY); /* not close-on-exec */

	(void)state;
	assert_true(stray >= 0);
	assert_int_equal(start("#!/bin/sh\nexec >&3 2>&1\n"
			       "ls -l /proc/$$/fd\n"
			       "ulimit -c\numask\n"
			       "kill -PIPE $$; echo still here\n"
			       "exec cat /proc/self/status\n",
			     env, &f),
	    0);
	(void)close(stray);
	assert_non_null(strstr(said, " 0 -> /dev/null"));
	assert_non_null(strstr(said, " 3 -> socket:"));
	assert_non_null(strstr(said, " 4 -> /memfd:bulkhead-progress"));
	assert_null(strstr(said, "/dev/zero"));
	assert_null(strstr(said, " 5 -> "));
	assert_non_null(strstr(said, "\n0\n0077\n"));
	assert_non_null(strstr(said, "NoNewPrivs:\t1"));
	assert_non_null(strstr(said, "SigBlk:\t0000000000000000"));
	assert_non_null(strstr(said, "still here"));
}

static void
test_environment(void **state)
{
	char *envp[] = { (char *)"HOME=/root", (char *)"ASAN_OPTIONS=x=1",
		(char *)"LD_PRELOAD=evil.so", NULL };
	char **env = spawn_env(envp, "");
	struct fail f = { .text = "" };

	(void)state;
	assert_non_null(env);
	assert_int_equal(start("#!/bin/sh\ncat /proc/$$/environ | "
			       "tr '\\0' '\\n' >&3\n",
			     env, &f),
	    0);
	assert_non_null(strstr(said, "PATH=/"));
	assert_non_null(strstr(said, "LANG=C.UTF-8\n"));
	assert_non_null(strstr(said, "GGML_NO_BACKTRACE=1\n"));
	assert_non_null(strstr(said, "ASAN_OPTIONS=x=1\n"));
	assert_null(strstr(said, "HOME"));
	assert_null(strstr(said, "LD_PRELOAD"));
	free(env);
	env = spawn_env(NULL, "");
	assert_non_null(env);
	assert_null(env[3]);
	free(env);
}

static void
test_what_cannot_be_started(void **state)
{
	char *const env[] = { NULL };
	struct fail f = { .text = "" };

	(void)state;
	assert_int_equal(start("#!/no/such/shell\n", env, &f), ERR_IO);
	assert_non_null(strstr(f.text, "exec: No such file"));
	assert_non_null(strstr(f.text, folder));
	assert_int_equal(start("no program at all", env, &f), ERR_IO);
	assert_non_null(strstr(f.text, "exec: Exec format error"));
	/* Nobody is left behind. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* A keeper that is killed: its child, which would sleep, lets go of the
 * channel. */
static void
test_dies_with_its_parent(void **state)
{
	char *const env[] = { NULL };
	const char *exe =
	    write_file("child", "#!/bin/sh\nread nothing <&3\n", 0755);
	int ends[2];
	char byte;
	pid_t keeper;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	keeper = fork();
	if (keeper == 0) {
		struct spawn s = {
			.exe = exe,
			.name = "child",
			.env = env,
			.channel = ends[1],
			.progress = ends[1],
			.lastwords = -1,
		};
		struct fail f;
		pid_t pid;
		int pidfd;

		_exit(spawn(&s, &pid, &pidfd, NULL, &f) != 0);
	}
	assert_int_equal(waitpid(keeper, NULL, 0), keeper);
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	(void)close(ends[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptors_and_limits),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_what_cannot_be_started),
		cmocka_unit_test(test_dies_with_its_parent),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_unmake);
}
