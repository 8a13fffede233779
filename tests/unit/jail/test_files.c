/*
 * A jail with files in it: the autopsy reads below the folders that were named,
 * writes in one, and nothing else, whatever its user may; and what it makes has
 * limits. Each attempt is a process of its own.
 */
#include "jail/jail.h"
#include "jail/space.h"

#include <errno.h>
#include <fcntl.h>
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

#define WORKS 0 /* else an errno, or a signal below 0 */

static char top[] = "/tmp/bulkhead-test-XXXXXX"; /* secret, bin/elf, crashes/ */
static char secret[64], elf[64], beyond[64];
static int bin, crashes; /* folders: to be read, to be written */

#define CALL(name, ...)             \
	static long name(void)      \
	{                           \
		return __VA_ARGS__; \
	}

/* Reading */
CALL(read_elf, open(elf, O_RDONLY))
CALL(read_system, open("/usr/lib", O_RDONLY | O_DIRECTORY))
CALL(list_crashes, openat(crashes, ".", O_RDONLY | O_DIRECTORY))
CALL(read_obituary, openat(crashes, "old", O_RDONLY))
CALL(read_secret, open(secret, O_RDONLY))
CALL(read_above, openat(crashes, "../secret", O_RDONLY))
CALL(read_passwords, open("/etc/passwd", O_RDONLY))
CALL(read_home, open("/root", O_RDONLY | O_DIRECTORY))
CALL(read_own_memory, open("/proc/self/mem", O_RDONLY))
CALL(read_parents, open("/proc/1/environ", O_RDONLY))
CALL(read_device, open("/dev/zero", O_RDONLY))

/* Writing */
CALL(make_obituary, openat(crashes, "new", O_CREAT | O_EXCL | O_WRONLY, 0600))
CALL(write_obituary, openat(crashes, "old", O_WRONLY))
CALL(name_obituary, renameat(crashes, "old", crashes, "older"))
CALL(remove_obituary, unlinkat(crashes, "old", 0))
CALL(write_elf, open(elf, O_WRONLY))
CALL(make_beside_elf, openat(bin, "new", O_CREAT | O_WRONLY, 0600))
CALL(remove_elf, unlinkat(bin, "elf", 0))
CALL(put_elf_in_place, renameat(crashes, "old", bin, "elf"))
CALL(take_elf, renameat(bin, "elf", crashes, "elf"))
CALL(write_secret, open(secret, O_WRONLY))
CALL(empty_secret, open(secret, O_WRONLY | O_TRUNC))
CALL(make_beyond, open(beyond, O_CREAT | O_WRONLY, 0600))
CALL(make_in_tmp, open("/tmp", O_TMPFILE | O_WRONLY, 0600))
CALL(write_device, open("/dev/null", O_WRONLY))
CALL(write_setting, open("/proc/self/oom_score_adj", O_WRONLY))

/* Other ways to change a file: not in the table */
CALL(make_folder, syscall(SYS_mkdirat, crashes, "d", 0700))
CALL(make_link, syscall(SYS_linkat, crashes, "old", crashes, "l", 0))
CALL(make_symbolic_link, syscall(SYS_symlinkat, "old", crashes, "s"))
CALL(make_device, syscall(SYS_mknodat, crashes, "n", S_IFIFO | 0600, 0))
CALL(change_mode, syscall(SYS_fchmodat, crashes, "old", 0777))
CALL(change_owner, syscall(SYS_fchownat, crashes, "old", 1, 1, 0))
CALL(cut_off, syscall(SYS_truncate, elf, 0))
CALL(set_attribute, syscall(SYS_fsetxattr, crashes, "user.x", "", 0, 0))

/* Limits */
CALL(map_too_much,
    (long)mmap(NULL, 3ul << 30, PROT_READ | PROT_WRITE,
	MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))

static long
write_too_much(void)
{
	static char block[1u << 20];
	int fd = openat(crashes, "large", O_CREAT | O_WRONLY, 0600);

	for (int i = 0; i < 64; i++)
		if (write(fd, block, sizeof(block)) < 0)
			return -1;
	return 0;
}

static long
open_too_many(void)
{
	for (int i = 0; i < 4096; i++)
		if (open(elf, O_RDONLY) < 0)
			return -1;
	return 0;
}

static const struct attempt {
	const char *name;
	long (*fn)(void);
	int outcome;
} attempts[] = {
#define TRY(fn, outcome)         \
	{                        \
#fn, fn, outcome \
	}
	TRY(read_elf, WORKS),
	TRY(read_system, WORKS),
	TRY(list_crashes, WORKS),
	TRY(read_obituary, WORKS),
	TRY(read_secret, EACCES),
	TRY(read_above, EACCES),
	TRY(read_passwords, EACCES),
	TRY(read_home, EACCES),
	TRY(read_own_memory, EACCES),
	TRY(read_parents, EACCES),
	TRY(read_device, EACCES),
	TRY(make_obituary, WORKS),
	TRY(write_obituary, WORKS),
	TRY(name_obituary, WORKS),
	TRY(remove_obituary, WORKS),
	TRY(write_elf, EACCES),
	TRY(make_beside_elf, EACCES),
	TRY(remove_elf, EACCES),
	TRY(put_elf_in_place, EACCES),
	TRY(take_elf, EACCES),
	TRY(write_secret, EACCES),
	TRY(empty_secret, EACCES),
	TRY(make_beyond, EACCES),
	TRY(make_in_tmp, EACCES),
	TRY(write_device, EACCES),
	TRY(write_setting, EACCES),
	TRY(make_folder, -SIGSYS),
	TRY(make_link, -SIGSYS),
	TRY(make_symbolic_link, -SIGSYS),
	TRY(make_device, -SIGSYS),
	TRY(change_mode, -SIGSYS),
	TRY(change_owner, -SIGSYS),
	TRY(cut_off, -SIGSYS),
	TRY(set_attribute, -SIGSYS),
	TRY(map_too_much, ENOMEM),
	TRY(write_too_much, -SIGXFSZ),
	TRY(open_too_many, EMFILE),
#undef TRY
};
#define N_ATTEMPTS (sizeof(attempts) / sizeof(attempts[0]))

static void
make_file(int folder, const char *name)
{
	int fd = openat(folder, name, O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	(void)close(fd);
}

static _Noreturn void
attempt(const struct attempt *a)
{
	char folder[64];
	const char *read[] = { "/usr/", folder, "/nonexistent/" };
	struct jail_files files = {
		.read = read, .n_read = 3, .write = crashes
	};
	struct jail_report r = { .landlock_abi = 0 };

	(void)snprintf(folder, sizeof(folder), "%s/bin/", top);
	/* cmocka has a handler for it. */
	(void)signal(SIGSYS, SIG_DFL);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	space_enter(&r);
	jail_lock(JAIL_AUTOPSY, JAIL_AUTO, &files, &r);
	errno = 0;
	_exit(a->fn() == -1 ? errno : 0);
}

static int
outcome_of(const struct attempt *a)
{
	pid_t pid;
	int status;

	make_file(crashes, "old");
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		attempt(a);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return -WTERMSIG(status);
	/* What the first Landlock answered to a move between folders. */
	return WEXITSTATUS(status) == EXDEV ? EACCES : WEXITSTATUS(status);
}

static const char *
outcome_text(int outcome)
{
	return outcome < 0 ? strsignal(-outcome)
	    : outcome == 0 ? "works"
			   : strerrorname_np(outcome);
}

static void
test_attempts(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < N_ATTEMPTS; i++) {
		int got = outcome_of(&attempts[i]);
		bool is_right = got == attempts[i].outcome;

		printf("%-24s %s%s\n", attempts[i].name, outcome_text(got),
		    is_right ? "" : "  WRONG");
		wrong += !is_right;
	}
	assert_int_equal(wrong, 0);
}

static int
set_up(void **state)
{
	int folder;

	(void)state;
	if (mkdtemp(top) == NULL)
		return -1;
	folder = open(top, O_RDONLY | O_DIRECTORY);
	(void)mkdirat(folder, "bin", 0700);
	(void)mkdirat(folder, "crashes", 0700);
	bin = openat(folder, "bin", O_RDONLY | O_DIRECTORY);
	crashes = openat(folder, "crashes", O_RDONLY | O_DIRECTORY);
	(void)snprintf(secret, sizeof(secret), "%s/secret", top);
	(void)snprintf(beyond, sizeof(beyond), "%s/beyond", top);
	(void)snprintf(elf, sizeof(elf), "%s/bin/elf", top);
	make_file(folder, "secret");
	make_file(bin, "elf");
	return close(folder);
}

static int
tear_down(void **state)
{
	char command[96];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", top);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_attempts),
	};

	if (IS_SANITIZED) {
		print_message("skipped: a sanitizer's build has no filter\n");
		return 77;
	}
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1) {
		print_message("skipped: this kernel has no Landlock\n");
		return 77;
	}
	return cmocka_run_group_tests(all, set_up, tear_down);
}
