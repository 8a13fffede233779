/* One line a message, whatever is in it. Standard error is a pipe here. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int pipe_fds[2];
static int real_stderr;

static int
catch_stderr(void **state)
{
	(void)state;
	if (pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC) != 0)
		return -1;
	real_stderr = dup(STDERR_FILENO);
	return dup2(pipe_fds[1], STDERR_FILENO) < 0 ? -1 : 0;
}

static int
give_back(void **state)
{
	(void)state;
	(void)dup2(real_stderr, STDERR_FILENO);
	(void)close(real_stderr);
	(void)close(pipe_fds[0]);
	return close(pipe_fds[1]);
}

/* What was logged since the last call. */
static const char *
logged(void)
{
	static char text[8192];
	ssize_t n = read(pipe_fds[0], text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void
test_line(void **state)
{
	char want[128];

	(void)state;
	log_init("bulkhead-test", LOG_WARN);
	assert_int_equal(log_level(), LOG_WARN);
	errno = EBADF;
	log_warn("%d of %s", 3, "these");
	assert_int_equal(errno, EBADF);
	(void)snprintf(want, sizeof(want),
	    "bulkhead-test[%d] warn: 3 of these\n", (int)getpid());
	assert_string_equal(logged(), want);
	log_debug("quiet");
	log_info("quiet");
	assert_string_equal(logged(), "");
	log_error("loud");
	assert_non_null(strstr(logged(), "error: loud\n"));
}

/* What a client or a model can put there neither makes a line of its own nor
 * tells the terminal anything. */
static void
test_controls(void **state)
{
	static const char *const cases[][2] = {
		{ "a\nb", "a\\x0ab" },
		{ "\r\x1b[31m\x7f", "\\x0d\\x1b[31m\\x7f" },
		{ "\xc2\x9b"
		  "31m",
		    "\\xc2\\x9b31m" },
		{ "\x9b"
		  "31m",
		    "\\x9b31m" },
		{ "\xc3\xa9\xe2\x82\xac\xc2\xa0",
		    "\xc3\xa9\xe2\x82\xac\xc2\xa0" },
		{ "\xe2\x82", "\\xe2\\x82" },
		{ "\xff", "\\xff" },
	};

	(void)state;
	log_init("t", LOG_DEBUG);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char want[128];

		log_info("%s", cases[i][0]);
		(void)snprintf(want, sizeof(want), "t[%d] info: %s\n",
		    (int)getpid(), cases[i][1]);
		assert_string_equal(logged(), want);
	}
}

static void
test_long(void **state)
{
	static char name[5000];
	char text[5000];
	const char *line;

	(void)state;
	log_init("t", LOG_DEBUG);
	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	line = logged();
	assert_true(strlen(line) > 1000 && strlen(line) <= 2048);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	memset(name, 'n', sizeof(name) - 1);
	log_init(name, LOG_DEBUG);
	log_info("%s", text);
	line = logged();
	assert_true(strlen(line) <= 2048);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	log_init("t", LOG_DEBUG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_controls),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, catch_stderr, give_back);
}
