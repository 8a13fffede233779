/*
 * Whoever has taken a front, a worker or an autopsy over tries to get out: each
 * attempt in a process of its own, locked in by the real stages with the real
 * tables. The test prints what came of each, and pins it. What an autopsy may
 * do with files is test_files.c's.
 */
#include "jail/jail.h"
#include "jail/landlock.h"
#include "jail/space.h"

#include "../emulated.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <poll.h>
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
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

#define DIES (-1) /* of SIGSYS */
#define WORKS 0	  /* else an errno */

static int ends[2]; /* a socket pair, made before */
static int memory;  /* a memfd */
static pid_t parent;

#define CALL(name, ...)             \
	static long name(void)      \
	{                           \
		return __VA_ARGS__; \
	}

/* Files */
CALL(open_file, syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY))
CALL(open_by_openat2, syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", "", 24))
CALL(make_file, syscall(SYS_openat, AT_FDCWD, "/tmp/x", O_CREAT | O_RDWR, 0600))
CALL(ask_for_file,
    syscall(SYS_newfstatat, AT_FDCWD, "/etc", memset(alloca(256), 0, 256), 0))
CALL(remove_file, syscall(SYS_unlinkat, AT_FDCWD, "/proc/version", 0))
CALL(make_folder, syscall(SYS_mkdirat, AT_FDCWD, "/tmp/x", 0700))
CALL(change_folder, syscall(SYS_chdir, "/"))
CALL(open_by_handle, syscall(SYS_open_by_handle_at, 0, "", O_RDONLY))

/* The network */
CALL(make_tcp, socket(AF_INET, SOCK_STREAM, 0))
CALL(make_unix, socket(AF_UNIX, SOCK_STREAM, 0))
CALL(make_netlink, socket(AF_NETLINK, SOCK_RAW, 0))
CALL(make_pair, socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
CALL(connect_out,
    connect(ends[0], &(struct sockaddr){ .sa_family = AF_INET }, 16))
CALL(bind_port, bind(ends[0], &(struct sockaddr){ .sa_family = AF_INET }, 16))

/* Other programs, other processes */
static long
run_shell(void)
{
	char *argv[] = { (char *)"sh", NULL };

	return execve("/bin/sh", argv, argv + 1);
}

static long
run_from_memory(void)
{
	char *argv[] = { (char *)"x", NULL };

	return syscall(SYS_execveat, memory, "", argv, argv + 1, AT_EMPTY_PATH);
}

#ifdef SYS_fork
CALL(fork_by_fork, syscall(SYS_fork))
#endif
CALL(fork_by_clone, syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0))
CALL(fork_by_vfork_flags,
    syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0))
CALL(thread_in_namespace,
    syscall(SYS_clone,
	CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
	    CLONE_NEWNET,
	0, 0, 0, 0))
CALL(fork_by_clone3, syscall(SYS_clone3, "", 64))
CALL(kill_parent, kill(parent, SIGTERM))
CALL(kill_all, kill(-1, SIGTERM))
CALL(tgkill_parent, syscall(SYS_tgkill, parent, parent, SIGTERM))
CALL(queue_to_parent, syscall(SYS_rt_sigqueueinfo, parent, SIGTERM, ""))
CALL(trace_parent, ptrace(PTRACE_ATTACH, parent, 0, 0))
CALL(read_parent, process_vm_readv(parent, NULL, 0, NULL, 0, 0))
CALL(write_parent, process_vm_writev(parent, NULL, 0, NULL, 0, 0))
CALL(open_parent, syscall(SYS_pidfd_open, parent, 0))
CALL(steal_descriptor, syscall(SYS_pidfd_getfd, 0, 0, 0))
CALL(signal_by_pidfd, syscall(SYS_pidfd_send_signal, 0, SIGTERM, NULL, 0))
CALL(send_io_signals, fcntl(ends[0], F_SETOWN, parent))
CALL(limit_parent,
    syscall(SYS_prlimit64, parent, RLIMIT_CPU, NULL, memset(alloca(16), 0, 16)))

/* Code */
CALL(map_executable,
    (long)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
CALL(make_executable,
    mprotect(
	(void *)((uintptr_t)&parent & ~4095ul), 4096, PROT_READ | PROT_EXEC))
#ifdef SYS_pkey_mprotect
CALL(make_executable_by_key, syscall(SYS_pkey_mprotect, 0, 4096, PROT_EXEC, -1))
#endif
CALL(read_implies_exec, syscall(SYS_personality, 0x0400000))
CALL(make_memfd, memfd_create("x", 0))
CALL(seal_memory, fcntl(memory, F_ADD_SEALS, F_SEAL_GROW))

/* The kernel's larger corners */
CALL(use_io_uring, syscall(SYS_io_uring_setup, 8, memset(alloca(256), 0, 256)))
CALL(use_userfaultfd, syscall(SYS_userfaultfd, 0))
CALL(use_bpf, syscall(SYS_bpf, 0, NULL, 0))
CALL(use_perf, syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0))
CALL(use_keys, syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, 0, 0))
CALL(load_module, syscall(SYS_finit_module, 0, "", 0))
CALL(add_filter, syscall(SYS_seccomp, 0, 0, NULL))
CALL(terminal_input, ioctl(ends[0], TIOCSTI, "x"))
CALL(share_memory, syscall(SYS_shmget, 0, 4096, 01600))
CALL(load_kernel, syscall(SYS_kexec_load, 0, 0, NULL, 0))
CALL(set_clock, syscall(SYS_clock_settime, CLOCK_REALTIME, NULL))
CALL(reboot_it, syscall(SYS_reboot, 0, 0, 0, NULL))

/* The jail itself */
CALL(leave_namespace, syscall(SYS_setns, ends[0], 0))
CALL(make_namespace, unshare(CLONE_NEWUSER))
CALL(mount_it, mount("none", "/", "tmpfs", 0, NULL))
CALL(change_root, syscall(SYS_chroot, "/"))
CALL(become_root, syscall(SYS_setresuid, 0, 0, 0))
CALL(set_capabilities, syscall(SYS_capset, NULL, NULL))
CALL(forget_parent, prctl(PR_SET_PDEATHSIG, 0))
CALL(be_dumpable, prctl(PR_SET_DUMPABLE, 1))
CALL(raise_limit,
    syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, memset(alloca(16), 0, 16), NULL))
CALL(catch_sigsys,
    syscall(SYS_rt_sigaction, SIGSYS, memset(alloca(64), 0, 64), NULL, 8))

#if defined(__x86_64__)
static long
call_32_bit(void)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20) : "memory");
	return r;
}

CALL(call_x32, syscall(0x40000000 | SYS_getpid))
#endif

/* What they live on */
static void *
no_thread(void *arg)
{
	return arg;
}

static long
make_thread(void)
{
	pthread_t t;
	int err = pthread_create(&t, NULL, no_thread, NULL);

	if (err == 0)
		err = pthread_join(t, NULL);
	errno = err;
	return err == 0 ? 0 : -1;
}

static long
tell_time(void)
{
	time_t now = time(NULL);

	return localtime(&now) != NULL ? 0 : -1;
}

static long
use_memory(void)
{
	char *p = malloc(8u << 20);

	if (p == NULL)
		return -1;
	memset(p, 1, 8u << 20);
	p = realloc(p, 16u << 20);
	free(p);
	return 0;
}

static long
map_file(void)
{
	void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, memory, 0);

	return p == MAP_FAILED ? -1 : munmap(p, 4096);
}

static long
send_descriptor(void)
{
	char room[CMSG_SPACE(sizeof(int))] = "";
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	*c = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(c), &memory, sizeof(int));
	return sendmsg(ends[0], &m, 0) == 1 ? recvmsg(ends[1], &m, 0) : -1;
}

static long
wait_a_little(void)
{
	struct pollfd p = { .fd = ends[0], .events = POLLIN };

	return poll(&p, 1, 1);
}

CALL(write_log, write(STDERR_FILENO, "", 0))
CALL(file_size,
    fstat(memory, memset(alloca(sizeof(struct stat)), 0, sizeof(struct stat))))
CALL(accept_client, accept4(ends[0], NULL, NULL, SOCK_CLOEXEC))
CALL(no_delay, setsockopt(ends[0], SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, 4))
CALL(other_option,
    setsockopt(ends[0], SOL_SOCKET, SO_ATTACH_FILTER, &(int){ 1 }, 4))

struct attempt {
	const char *name;
	long (*fn)(void);
	int front;
	int worker;
	int autopsy;
};

#define TRY(fn, front, worker, autopsy)         \
	{                                       \
#fn, fn, front, worker, autopsy \
	}
/* clang-format off */
static const struct attempt attempts[] = {
	TRY(open_file, EACCES, EACCES, EACCES),
	TRY(open_by_openat2, EACCES, EACCES, EACCES),
	TRY(make_file, EACCES, EACCES, EACCES),
	TRY(ask_for_file, EACCES, EACCES, WORKS),
	TRY(remove_file, DIES, DIES, EACCES),
	TRY(make_folder, DIES, DIES, DIES),
	TRY(change_folder, DIES, DIES, DIES),
	TRY(open_by_handle, DIES, DIES, DIES),
	TRY(make_tcp, DIES, DIES, DIES), TRY(make_unix, DIES, DIES, DIES),
	TRY(make_netlink, DIES, DIES, DIES), TRY(make_pair, DIES, DIES, DIES),
	TRY(connect_out, DIES, DIES, DIES), TRY(bind_port, DIES, DIES, DIES),
	TRY(run_shell, DIES, DIES, DIES),
	TRY(run_from_memory, DIES, DIES, DIES),
#ifdef SYS_fork
	TRY(fork_by_fork, DIES, DIES, DIES),
#endif
	TRY(fork_by_clone, DIES, DIES, DIES),
	TRY(fork_by_vfork_flags, DIES, DIES, DIES),
	TRY(thread_in_namespace, DIES, DIES, DIES),
	TRY(fork_by_clone3, ENOSYS, ENOSYS, ENOSYS),
	TRY(kill_parent, DIES, DIES, DIES), TRY(kill_all, DIES, DIES, DIES),
	TRY(tgkill_parent, DIES, DIES, DIES),
	TRY(queue_to_parent, DIES, DIES, DIES),
	TRY(trace_parent, DIES, DIES, DIES), TRY(read_parent, DIES, DIES, DIES),
	TRY(write_parent, DIES, DIES, DIES), TRY(open_parent, DIES, DIES, DIES),
	TRY(steal_descriptor, DIES, DIES, DIES),
	TRY(signal_by_pidfd, DIES, DIES, DIES),
	TRY(send_io_signals, DIES, DIES, DIES),
	TRY(limit_parent, DIES, DIES, DIES),
	TRY(map_executable, DIES, DIES, EPERM),
	TRY(make_executable, DIES, DIES, DIES),
#ifdef SYS_pkey_mprotect
	TRY(make_executable_by_key, DIES, DIES, DIES),
#endif
	TRY(read_implies_exec, DIES, DIES, DIES),
	TRY(make_memfd, WORKS, DIES, DIES),
	TRY(seal_memory, EPERM, DIES, DIES),
	TRY(use_io_uring, DIES, DIES, DIES),
	TRY(use_userfaultfd, DIES, DIES, DIES),
	TRY(use_bpf, DIES, DIES, DIES), TRY(use_perf, DIES, DIES, DIES),
	TRY(use_keys, DIES, DIES, DIES), TRY(load_module, DIES, DIES, DIES),
	TRY(add_filter, DIES, DIES, DIES),
	TRY(terminal_input, DIES, ENOTTY, DIES),
	TRY(share_memory, DIES, DIES, DIES), TRY(load_kernel, DIES, DIES, DIES),
	TRY(set_clock, DIES, DIES, DIES), TRY(reboot_it, DIES, DIES, DIES),
	TRY(leave_namespace, DIES, DIES, DIES),
	TRY(make_namespace, DIES, DIES, DIES),
	TRY(mount_it, DIES, DIES, DIES), TRY(change_root, DIES, DIES, DIES),
	TRY(become_root, DIES, DIES, DIES),
	TRY(set_capabilities, DIES, DIES, DIES),
	TRY(forget_parent, DIES, DIES, DIES),
	TRY(be_dumpable, DIES, DIES, DIES),
	TRY(raise_limit, DIES, DIES, DIES), TRY(catch_sigsys, DIES, DIES, DIES),
#if defined(__x86_64__)
	TRY(call_32_bit, DIES, DIES, DIES), TRY(call_x32, DIES, DIES, DIES),
#endif
	TRY(make_thread, DIES, WORKS, DIES),
	TRY(tell_time, WORKS, WORKS, WORKS),
	TRY(use_memory, WORKS, WORKS, WORKS),
	TRY(map_file, WORKS, WORKS, WORKS),
	TRY(send_descriptor, WORKS, WORKS, WORKS),
	TRY(wait_a_little, WORKS, WORKS, WORKS),
	TRY(write_log, WORKS, WORKS, WORKS),
	TRY(file_size, WORKS, WORKS, WORKS),
	TRY(accept_client, EINVAL, DIES, DIES),
	TRY(no_delay, WORKS, DIES, DIES),
	TRY(other_option, DIES, DIES, DIES),
};
/* clang-format on */
#define N_ATTEMPTS (sizeof(attempts) / sizeof(attempts[0]))

/* Status 0 to 254: WORKS or the errno. */
static _Noreturn void
attempt(enum jail_kind kind, const struct attempt *a)
{
	static const struct jail_files none = { .write = -1 };
	struct jail_report r = { .landlock_abi = 0 };
	long got;

	/* cmocka has a handler for it. */
	(void)signal(SIGSYS, SIG_DFL);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	space_enter(&r);
	jail_lock(kind, JAIL_AUTO, kind == JAIL_AUTOPSY ? &none : NULL, &r);
	errno = 0;
	got = a->fn();
	_exit(got == -1 ? errno : 0);
}

static const char *
outcome_text(int outcome)
{
	const char *name = outcome > 0 ? strerrorname_np(outcome) : NULL;

	return outcome == DIES ? "SIGSYS"
	    : outcome == WORKS ? "works"
	    : name != NULL     ? name
			       : "another death";
}

static int
outcome_of(enum jail_kind kind, const struct attempt *a)
{
	pid_t pid;
	int status;

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		attempt(kind, a);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? DIES : 1000;
	return WEXITSTATUS(status);
}

/* Without it an autopsy may open what its user may. */
static bool
has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 1;
}

static void
test_attempts(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < N_ATTEMPTS; i++) {
		const struct attempt *a = &attempts[i];
		int front = outcome_of(JAIL_FRONT, a);
		int worker = outcome_of(JAIL_WORKER, a);
		int autopsy = outcome_of(JAIL_AUTOPSY, a);
		bool is_right = front == a->front && worker == a->worker &&
		    (autopsy == a->autopsy ||
			(a->autopsy == EACCES && !has_landlock()));

		printf("%-24s front: %-8s worker: %-8s autopsy: %-8s%s\n",
		    a->name, outcome_text(front), outcome_text(worker),
		    outcome_text(autopsy), is_right ? "" : "  WRONG");
		wrong += !is_right;
	}
	assert_int_equal(wrong, 0);
}

/* Each layer alone, for the day when another fails. */
static int
alone(int (*fn)(void))
{
	pid_t pid;
	int status;

	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
landlock_alone(void)
{
	unsigned abi;

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (landlock_enter(JAIL_WORKER, NULL, &abi) != 0)
		return 77;
	if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
		return 1;
	if (open("/tmp", O_RDONLY | O_DIRECTORY) >= 0 || errno != EACCES)
		return 2;
	if (abi >= 6 && (kill(parent, 0) == 0 || errno != EPERM))
		return 3;
	if (ptrace(PTRACE_ATTACH, parent, 0, 0) == 0)
		return 4;
	return 0;
}

static int
root_alone(void)
{
	struct jail_report r = { .landlock_abi = 0 };
	int above = open("..", O_PATH | O_DIRECTORY);

	(void)close(above);
	space_enter(&r);
	if (space_empty_root() != 0)
		return 77;
	if (access("/etc", F_OK) == 0 || access("/proc", F_OK) == 0 ||
	    access("../../../etc", F_OK) == 0)
		return 1;
	return open("/x", O_CREAT | O_RDWR, 0600) < 0 && errno == EROFS ? 0 : 2;
}

static int
network_alone(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = 80 };
	struct jail_report r = { .landlock_abi = 0 };
	int fd;

	space_enter(&r);
	if (r.layers[LAYER_NET_NS].state != LAYER_ON)
		return 77;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return 1;
	return errno == ENETUNREACH ? 0 : 2;
}

static void
test_each_alone(void **state)
{
	static const struct {
		const char *name;
		int (*fn)(void);
	} layers[] = { { "landlock", landlock_alone },
		{ "mount-ns", root_alone }, { "net-ns", network_alone } };

	(void)state;
	for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
		int got = alone(layers[i].fn);

		printf("%s alone: %s\n", layers[i].name,
		    got == 77 ? "not available" : "holds");
		assert_true(got == 0 || got == 77);
	}
}

/* Both stages as the keeper tries them, and off. */
static void
test_reports(void **state)
{
	struct jail_report r = { .landlock_abi = 0 };
	char text[JAIL_TEXT_MAX];

	(void)state;
	for (int kind = 0; kind < JAIL_NKINDS; kind++) {
		assert_true(jail_try((enum jail_kind)kind, false, &r));
		report_held(&r, text);
		printf("holds: %s\n", text);
		report_missing(&r, text);
		printf("missing: %s\n", text);
		assert_int_equal(r.layers[LAYER_NO_NEW_PRIVS].state, LAYER_ON);
		assert_int_equal(r.layers[LAYER_NO_CAPS].state, LAYER_ON);
	}
	r = (struct jail_report){ .landlock_abi = 0 };
	jail_lock(JAIL_WORKER, JAIL_OFF, NULL, &r);
	assert_false(report_has_gap(&r));
	assert_true(open("/dev/null", O_RDONLY) >= 0);
}

static int
set_up(void **state)
{
	(void)state;
	parent = getpid();
	memory = memfd_create("x", 0);
	return memory >= 0 && ftruncate(memory, 4096) == 0 &&
		socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0
	    ? 0
	    : -1;
}

int
main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_each_alone),
		cmocka_unit_test(test_reports),
	};

	/* There the filter is left out. */
	if (IS_SANITIZED)
		return EXIT_SKIPPED;
	if (is_not_for_emulator("filters would see its system calls"))
		return EXIT_SKIPPED;
	return cmocka_run_group_tests(all, set_up, NULL);
}
