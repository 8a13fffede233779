/* Deaths and their names. */
#include "keeper/reap.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A child that dies of a signal, or with a status. */
static struct death
death_of(int signo, int status)
{
	static const struct rlimit no_core = { 0, 0 };
	struct death d = { .number = 0 };
	pid_t pid = fork();

	if (pid == 0) {
		(void)setrlimit(RLIMIT_CORE, &no_core);
		if (signo != 0) {
			(void)signal(signo, SIG_DFL);
			(void)raise(signo);
		}
		_exit(status);
	}
	assert_true(pid > 0);
	while (reap(pid, &d) == ERR_AGAIN)
		(void)usleep(1000);
	return d;
}

static void
test_names(void **state)
{
	static const struct {
		int signo;
		int status;
		const char *text;
	} rows[] = {
		{ 0, 0, "exited with status 0" },
		{ 0, 1, "exited with status 1" },
		{ 0, 127, "exited with status 127" },
		{ SIGSEGV, 0, "killed by SIGSEGV" },
		{ SIGKILL, 0, "killed by SIGKILL" },
		{ SIGABRT, 0, "killed by SIGABRT" },
		{ SIGSYS, 0, "killed by SIGSYS" },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct death d = death_of(rows[i].signo, rows[i].status);

		assert_string_equal(
		    death_text(&d, text, sizeof(text)), rows[i].text);
	}
}

static void
test_words_without_a_process(void **state)
{
	struct death realtime = { .by_signal = true, .number = 40 };
	struct death core = {
		.by_signal = true, .number = SIGBUS, .core = true
	};
	struct death unknown = { .number = -1 };
	char text[64];

	(void)state;
	assert_string_equal(
	    death_text(&realtime, text, sizeof(text)), "killed by signal 40");
	assert_string_equal(death_text(&core, text, sizeof(text)),
	    "killed by SIGBUS (core dumped)");
	assert_string_equal(death_text(&unknown, text, sizeof(text)), "gone");
	assert_string_equal(death_text(&core, text, 7), "killed");
}

static void
test_the_living_are_not_reaped(void **state)
{
	struct death d = { .number = 42 };
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	assert_int_equal(reap(pid, &d), ERR_AGAIN);
	assert_int_equal(d.number, 42);
	(void)kill(pid, SIGTERM);
	/* Somebody else is quicker. */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(reap(pid, &d), 0);
	assert_int_equal(d.number, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_words_without_a_process),
		cmocka_unit_test(test_the_living_are_not_reaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
