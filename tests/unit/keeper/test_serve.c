/* bulkhead_serve() for a program that passes it next to nothing. */
#include "folder.h"

#include "bulkhead.h"

#include "../emulated.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#define DEADLINE_MS 60000

/* Where nothing is said, the environment says it. */
static char variables[6][PATH_MAX];
static char *envp[7];

static void
set_variable(size_t i, const char *name, const char *value)
{
	(void)snprintf(variables[i], PATH_MAX, "%s=%s", name, value);
	envp[i] = variables[i];
}

static int
set_up(void **state)
{
	const char *bin = getenv("BULKHEAD_BIN");
	char from[PATH_MAX];

	if (folder_make(state) != 0)
		return -1;
	if (bin == NULL)
		bin = "build/bin";
	(void)snprintf(from, sizeof(from), "%s/bulkhead-front", bin);
	if (symlink(from, in_folder("bulkhead-front")) != 0)
		return -1;
	(void)snprintf(from, sizeof(from), "%s/fake-worker", bin);
	if (symlink(from, in_folder("bulkhead-worker")) != 0)
		return -1;
	set_variable(0, "BULKHEAD_LIBEXEC", folder);
	set_variable(1, "LLAMA_ARG_MODEL",
	    write_file("m.gguf", "GGUF\ntokens 1\n", 0600));
	set_variable(2, "LLAMA_ARG_PORT", "0");
	set_variable(3, "RKLLM_UDS_PATH", in_folder("rpc.sock"));
	set_variable(4, "ASAN_OPTIONS",
	    getenv("ASAN_OPTIONS") != NULL ? getenv("ASAN_OPTIONS") : "");
	return 0;
}

/* All that fd says until it says word or ends. */
static bool
says(int fd, const char *word, char *said, size_t room)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;

	said[0] = '\0';
	while (strstr(said, word) == NULL && poll(&p, 1, DEADLINE_MS) > 0) {
		ssize_t r = read(fd, said + n, room - 1 - n);

		if (r <= 0)
			break;
		n += (size_t)r;
		said[n] = '\0';
	}
	return strstr(said, word) != NULL;
}

/* Serves until it is ready, then is told to stop; warning is what it must say
 * on the way. */
static void
serves(int argc, char *const argv[], char *const env[], const char *warning)
{
	static char said[65536];
	int ends[2];
	int status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)dup2(ends[1], STDERR_FILENO);
		(void)close(ends[0]);
		(void)close(ends[1]);
		_exit(bulkhead_serve(argc, argv, env));
	}
	(void)close(ends[1]);
	if (!says(ends[0], "Server started successfully\n", said, sizeof(said)))
		fail_msg("it did not start: %s", said);
	if (strstr(said, warning) == NULL)
		fail_msg("no word of \"%s\": %s", warning, said);
	(void)kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	(void)close(ends[0]);
	assert_int_not_equal(access(in_folder("rpc.sock"), F_OK), 0);
}

static void
test_null_argv_is_served(void **state)
{
	(void)state;
	serves(3, NULL, envp, "argv is NULL");
	serves(0, NULL, envp, "no arguments");
	serves(-1, NULL, envp, "no arguments");
}

static void
test_null_envp_is_served(void **state)
{
	char *const argv[] = { (char *)"x", (char *)"--libexec", folder,
		(char *)"-m", strchr(variables[1], '=') + 1, (char *)"--port",
		(char *)"0", (char *)"--rpc-socket",
		strchr(variables[3], '=') + 1 };

	(void)state;
	serves(9, argv, NULL, "envp is NULL");
}

static void
test_null_entries_are_served(void **state)
{
	char *const argv[] = { NULL, NULL, (char *)"--parallel", NULL,
		(char *)"2", NULL };

	(void)state;
	serves(6, argv, envp, "argv[3] is NULL");
}

static void
test_argc_zero_is_served(void **state)
{
	char *const argv[] = { (char *)"--no-such-option", NULL };

	(void)state;
	serves(0, argv, envp, "no arguments");
}

static void
test_bad_options_are_a_status(void **state)
{
	char *const argv[] = { (char *)"x", (char *)"--no-such-option" };
	char *const none[] = { (char *)"x", (char *)"-m", (char *)"/none" };

	(void)state;
	assert_int_equal(bulkhead_serve(2, argv, envp), 2);
	assert_int_equal(bulkhead_serve(3, none, envp), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_null_argv_is_served),
		cmocka_unit_test(test_null_envp_is_served),
		cmocka_unit_test(test_null_entries_are_served),
		cmocka_unit_test(test_argc_zero_is_served),
		cmocka_unit_test(test_bad_options_are_a_status),
	};

	if (is_not_for_emulator("the kernel starts no programs for ARM"))
		return EXIT_SKIPPED;
	return cmocka_run_group_tests(tests, set_up, folder_unmake);
}
