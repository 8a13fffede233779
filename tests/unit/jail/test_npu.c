/*
 * A worker with Rockchip's NPU, whose library opens the model and its devices
 * after the lock: that file and no other, by whatever path; no network, no other
 * program, no other process.
 */
#include "jail/jail.h"
#include "jail/space.h"

#include "../emulated.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

#define WORKS 0 /* else an errno */

static char folder[] = "/tmp/bulkhead-npu-XXXXXX";
static char model_path[64];
static char other_path[64];
static char by_number[64];
static int model = -1;
static pid_t parent;

static long
may_open(const char *path, int flags)
{
	return open(path, flags) >= 0 ? 0 : -1;
}

#define CALL(name, ...)             \
	static long name(void)      \
	{                           \
		return __VA_ARGS__; \
	}

CALL(open_model, may_open(model_path, O_RDONLY))
CALL(open_model_by_number, may_open(by_number, O_RDONLY))
CALL(write_model, may_open(model_path, O_WRONLY))
CALL(write_model_by_number, may_open(by_number, O_RDWR))
CALL(open_its_neighbour, may_open(other_path, O_RDONLY))
CALL(list_its_folder, may_open(folder, O_RDONLY | O_DIRECTORY))
CALL(open_passwd, may_open("/etc/passwd", O_RDONLY))
CALL(make_file, syscall(SYS_openat, AT_FDCWD, "/tmp/x", O_CREAT | O_RDWR, 0600))
CALL(open_library_folder, may_open("/usr/lib", O_RDONLY | O_DIRECTORY))
CALL(open_null, may_open("/dev/null", O_RDWR))
CALL(open_zero, may_open("/dev/zero", O_RDONLY))
CALL(open_cpus, may_open("/proc/cpuinfo", O_RDONLY))
CALL(make_tcp, socket(AF_INET, SOCK_STREAM, 0))
CALL(make_unix, socket(AF_UNIX, SOCK_STREAM, 0))
CALL(fork_it, syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0))
CALL(kill_parent, kill(parent, SIGTERM))
CALL(trace_parent, ptrace(PTRACE_ATTACH, parent, 0, 0))
CALL(use_io_uring, syscall(SYS_io_uring_setup, 8, memset(alloca(256), 0, 256)))
CALL(keep_descriptor, dup2(model, 100) == 100 ? 0 : -1)

static long
run_shell(void)
{
	char *argv[] = { (char *)"sh", NULL };

	return execve("/bin/sh", argv, argv + 1);
}

/* What is attached while it is served is copied into such. */
static long
open_memory_by_number(void)
{
	char path[64];
	int fd = memfd_create("x", 0);

	if (fd < 0 || write(fd, "x", 1) != 1)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return may_open(path, O_RDONLY);
}

static long
choose_cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return -1;
	return sched_setaffinity(0, sizeof(set), &set);
}

static void *
no_thread(void *arg)
{
	return arg;
}

static long
make_thread(void)
{
	pthread_t t;

	errno = pthread_create(&t, NULL, no_thread, NULL);
	return errno == 0 ? pthread_join(t, NULL) : -1;
}

#define TRY(fn, outcome)         \
	{                        \
#fn, fn, outcome \
	}
static const struct attempt {
	const char *name;
	long (*fn)(void);
	int outcome;
} attempts[] = {
	TRY(open_model, WORKS),
	TRY(open_model_by_number, WORKS),
	TRY(write_model, EACCES),
	TRY(write_model_by_number, EACCES),
	TRY(open_its_neighbour, EACCES),
	TRY(list_its_folder, EACCES),
	TRY(open_passwd, EACCES),
	TRY(make_file, EACCES),
	TRY(open_library_folder, WORKS),
	TRY(open_null, WORKS),
	TRY(open_zero, EACCES),
	TRY(open_cpus, WORKS),
	TRY(make_tcp, EPERM),
	TRY(make_unix, EPERM),
	TRY(fork_it, EPERM),
	TRY(kill_parent, EPERM),
	TRY(trace_parent, EPERM),
	TRY(use_io_uring, EPERM),
	TRY(run_shell, EPERM),
	TRY(keep_descriptor, WORKS),
	TRY(open_memory_by_number, WORKS),
	TRY(choose_cores, WORKS),
	TRY(make_thread, WORKS),
};

static _Noreturn void
attempt(const struct attempt *a)
{
	const struct jail_files files = {
		.write = -1, .again = &model, .n_again = 1
	};
	struct jail_report r = { .landlock_abi = 0 };
	long got;

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	space_enter(&r);
	jail_lock(JAIL_NPU, JAIL_AUTO, &files, &r);
	errno = 0;
	got = a->fn();
	_exit(got == -1 ? errno : 0);
}

static int
outcome_of(const struct attempt *a)
{
	pid_t pid;
	int status;

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		attempt(a);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_attempts(void **state)
{
	bool has_landlock =
	    syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 1;
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		const struct attempt *a = &attempts[i];
		int got = outcome_of(a);
		bool is_right = got == a->outcome ||
		    (a->outcome == EACCES && !has_landlock);

		printf("%-24s %s%s\n", a->name,
		    got == 0 ? "works" : strerror(got),
		    is_right ? "" : "  WRONG");
		wrong += !is_right;
	}
	assert_int_equal(wrong, 0);
}

static int
make(const char *name, char ret[64])
{
	(void)snprintf(ret, 64, "%s/%s", folder, name);
	return open(ret, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
}

static int
set_up(void **state)
{
	int fd;

	(void)state;
	parent = getpid();
	if (mkdtemp(folder) == NULL)
		return -1;
	fd = make("other", other_path);
	model = make("model", model_path);
	if (fd < 0 || model < 0)
		return -1;
	(void)close(model);
	model = open(model_path, O_RDONLY | O_CLOEXEC);
	(void)snprintf(by_number, sizeof(by_number), "/proc/self/fd/%d", model);
	return close(fd);
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlink(model_path);
	(void)unlink(other_path);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest all[] = { cmocka_unit_test(test_attempts) };

	/* There neither Landlock nor the filter is had. */
	if (IS_SANITIZED)
		return EXIT_SKIPPED;
	if (is_not_for_emulator("filters would see its system calls"))
		return EXIT_SKIPPED;
	return cmocka_run_group_tests(all, set_up, tear_down);
}
