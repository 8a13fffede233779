/*
 * inject - a library to preload that makes calls of the system fail.
 *
 *   INJECT=NAME:N:MODE:ERRNO   the N-th call of NAME fails with ERRNO;
 *                              MODE: once; ever (from the N-th on); short
 *                              (once: only one byte is moved, no error); term
 *                              (once: nothing fails, but the process that
 *                              INJECT was set for gets a SIGTERM)
 *   INJECT_COUNTS=FILE         4 KiB: how often each was called, a u32 for each
 *                              row; then how often the time of day was asked;
 *                              then what N is, where INJECT says 0
 *   INJECT_CLOCK=N             each N calls the time of day leaps by ten years,
 *                              there and back; the monotonic clock does not
 *
 * NAME is a row of NAMES. Counts are shared with forked children, so "the
 * second execve" is the second of all. Calls of the loader and of constructors
 * before ours are not counted. Nothing here is linked into what is shipped.
 */
/* open and open64 are two names here. */
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define TEN_YEARS_S (10L * 365 * 24 * 3600)

/* clang-format off */
#define NAMES(N) \
	N(malloc) N(open) N(openat) N(socket) N(accept4) N(memfd_create) \
	N(mmap) N(ftruncate) N(fork) N(execve) N(pipe2) N(socketpair) \
	N(eventfd) N(epoll_create1) N(epoll_ctl) N(epoll_wait) N(fcntl) \
	N(pidfd_open) N(read) N(write) N(send) N(sendmsg) N(recv) \
	N(recvmsg) N(bind) N(listen) N(setsockopt) N(readlink) \
	N(timerfd_create) N(prctl) N(pthread_create)
/* clang-format on */

#define ENUM(name) CALL_##name,
enum call { NAMES(ENUM) N_CALLS };
#undef ENUM

#define TEXT(name) #name,
static const char *const names[] = { NAMES(TEXT) };
#undef TEXT

enum mode { ONCE, EVER, SHORT, TERM };

static struct {
	enum call call; /* N_CALLS: none */
	enum mode mode;
	unsigned n;
	int error;
	pid_t pid;	/* who gets the SIGTERM */
	unsigned clock; /* 0: it does not leap */
} plan = { .call = N_CALLS };

#define N_ASKED (N_CALLS + 1)
static atomic_uint *counts; /* of each call; then as INJECT_COUNTS says */

static void
read_plan(const char *text)
{
	char copy[64];
	char *save = NULL;
	const char *word[4];

	(void)strncpy(copy, text, sizeof(copy) - 1);
	copy[sizeof(copy) - 1] = '\0';
	for (int i = 0; i < 4; i++) {
		word[i] = strtok_r(i == 0 ? copy : NULL, ":", &save);
		if (word[i] == NULL)
			abort();
	}
	for (plan.call = 0; plan.call < N_CALLS; plan.call++)
		if (strcmp(names[plan.call], word[0]) == 0)
			break;
	if (plan.call == N_CALLS)
		abort();
	plan.n = (unsigned)strtoul(word[1], NULL, 10);
	plan.mode = word[2][0] == 'o' ? ONCE
	    : word[2][0] == 'e'	      ? EVER
	    : word[2][0] == 's'	      ? SHORT
				      : TERM;
	plan.error = (int)strtol(word[3], NULL, 10);
}

__attribute__((constructor)) static void
init(void)
{
	const char *text = getenv("INJECT");
	const char *clock = getenv("INJECT_CLOCK");
	const char *file = getenv("INJECT_COUNTS");
	long fd = syscall(
	    SYS_openat, AT_FDCWD, file == NULL ? "" : file, O_RDWR | O_CLOEXEC);
	void *p = (void *)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), (int)fd, 0);

	if (p == MAP_FAILED)
		abort();
	if (fd >= 0)
		(void)syscall(SYS_close, (int)fd);
	if (clock != NULL)
		plan.clock = (unsigned)strtoul(clock, NULL, 10);
	if (text != NULL)
		read_plan(text);
	plan.pid = getpid();
	/* From here on it counts. */
	counts = p;
}

/* Whether this call is to fail; then errno is set. */
static bool
is_due(enum call call)
{
	unsigned n, due;

	if (counts == NULL)
		return false;
	n = atomic_fetch_add(&counts[call], 1) + 1;
	if (call != plan.call)
		return false;
	due = plan.n != 0 ? plan.n : atomic_load(&counts[N_ASKED]);
	if (due == 0 || (plan.mode == EVER ? n < due : n != due))
		return false;
	if (plan.mode == TERM) {
		(void)syscall(SYS_kill, plan.pid, SIGTERM);
		return false;
	}
	errno = plan.error;
	return true;
}

#define FAILS(name) is_due(CALL_##name)

/* Memory. glibc's own names, because dlsym(3) itself needs memory. */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);

void *
malloc(size_t n)
{
	return FAILS(malloc) ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	return FAILS(malloc) ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	return FAILS(malloc) ? NULL : __libc_realloc(p, n);
}

int
posix_memalign(void **ret, size_t align, size_t n)
{
	if (FAILS(malloc))
		return ENOMEM;
	*ret = __libc_memalign(align, n);
	return *ret != NULL ? 0 : ENOMEM;
}

void *
aligned_alloc(size_t align, size_t n)
{
	return FAILS(malloc) ? NULL : __libc_memalign(align, n);
}

/* Calls that only make or change something. */

#define PLAIN(name, params, ...)                              \
	int name params                                       \
	{                                                     \
		if (FAILS(name))                              \
			return -1;                            \
		return (int)syscall(SYS_##name, __VA_ARGS__); \
	}

PLAIN(socket, (int domain, int type, int protocol), domain, type, protocol)
PLAIN(memfd_create, (const char *name, unsigned flags), name, flags)
PLAIN(pipe2, (int fds[2], int flags), fds, flags)
PLAIN(socketpair, (int domain, int type, int protocol, int fds[2]), domain,
    type, protocol, fds)
PLAIN(epoll_create1, (int flags), flags)
PLAIN(epoll_ctl, (int ep, int op, int fd, struct epoll_event *e), ep, op, fd, e)
PLAIN(pidfd_open, (pid_t pid, unsigned flags), pid, flags)
PLAIN(listen, (int fd, int n), fd, n)
PLAIN(timerfd_create, (clockid_t clock, int flags), clock, flags)
PLAIN(execve, (const char *path, char *const argv[], char *const envp[]), path,
    argv, envp)

int
accept4(int fd, struct sockaddr *restrict a, socklen_t *restrict n, int flags)
{
	if (FAILS(accept4))
		return -1;
	return (int)syscall(SYS_accept4, fd, a, n, flags);
}

int
bind(int fd, const struct sockaddr *a, socklen_t n)
{
	return FAILS(bind) ? -1 : (int)syscall(SYS_bind, fd, a, n);
}

int
setsockopt(int fd, int level, int name, const void *value, socklen_t n)
{
	if (FAILS(setsockopt))
		return -1;
	return (int)syscall(SYS_setsockopt, fd, level, name, value, n);
}

int
ftruncate64(int fd, off64_t n)
{
	return FAILS(ftruncate) ? -1 : (int)syscall(SYS_ftruncate, fd, n);
}

int
eventfd(unsigned count, int flags)
{
	return FAILS(eventfd) ? -1 : (int)syscall(SYS_eventfd2, count, flags);
}

ssize_t
readlink(const char *restrict path, char *restrict to, size_t n)
{
	return FAILS(readlink) ? -1
			       : syscall(SYS_readlinkat, AT_FDCWD, path, to, n);
}

static int
any_open(enum call call, int at, const char *path, int flags, int mode)
{
	return is_due(call) ? -1
			    : (int)syscall(SYS_openat, at, path, flags, mode);
}

#define VARIADIC_INT(last, ret)        \
	do {                           \
		va_list ap;            \
		va_start(ap, last);    \
		ret = va_arg(ap, int); \
		va_end(ap);            \
	} while (0)

int
open(const char *path, int flags, ...)
{
	int mode;

	VARIADIC_INT(flags, mode);
	return any_open(CALL_open, AT_FDCWD, path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
	int mode;

	VARIADIC_INT(flags, mode);
	return any_open(CALL_open, AT_FDCWD, path, flags, mode);
}

int
openat64(int at, const char *path, int flags, ...)
{
	int mode;

	VARIADIC_INT(flags, mode);
	return any_open(CALL_openat, at, path, flags, mode);
}

int
fcntl64(int fd, int what, ...)
{
	va_list ap;
	long arg;

	va_start(ap, what);
	arg = va_arg(ap, long);
	va_end(ap);
	return FAILS(fcntl) ? -1 : (int)syscall(SYS_fcntl, fd, what, arg);
}

int
prctl(int what, ...)
{
	unsigned long v[4];
	va_list ap;

	va_start(ap, what);
	for (int i = 0; i < 4; i++)
		v[i] = va_arg(ap, unsigned long);
	va_end(ap);
	return FAILS(prctl)
	    ? -1
	    : (int)syscall(SYS_prctl, what, v[0], v[1], v[2], v[3]);
}

void *
mmap64(void *at, size_t n, int prot, int flags, int fd, off64_t off)
{
	if (FAILS(mmap))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, n, prot, flags, fd, off);
}

pid_t
fork(void)
{
	pid_t (*real)(void) = (pid_t(*)(void))dlsym(RTLD_NEXT, "fork");

	return FAILS(fork) ? -1 : real();
}

/* It says what is wrong by its result. */
int
pthread_create(pthread_t *restrict ret, const pthread_attr_t *restrict attr,
    void *(*fn)(void *), void *restrict arg)
{
	int (*real)(pthread_t *restrict, const pthread_attr_t *restrict,
	    void *(*)(void *), void *restrict);

	if (FAILS(pthread_create))
		return errno;
	real = (__typeof__(real))dlsym(RTLD_NEXT, "pthread_create");
	return real(ret, attr, fn, arg);
}

int
epoll_wait(int ep, struct epoll_event *e, int n, int ms)
{
	if (FAILS(epoll_wait))
		return -1;
	return (int)syscall(SYS_epoll_pwait, ep, e, n, ms, NULL, 8);
}

/* Calls that move bytes. */

static bool
is_short(void)
{
	return plan.mode == SHORT;
}

#define MOVES(name, params, n, ...)                \
	ssize_t name params                        \
	{                                          \
		if (FAILS(name)) {                 \
			if (!is_short() || n == 0) \
				return -1;         \
			n = 1;                     \
		}                                  \
		return syscall(__VA_ARGS__);       \
	}

MOVES(read, (int fd, void *p, size_t n), n, SYS_read, fd, p, n)
/* Only what may lie on a disk can be full: a log, not the loop's own pipe, by
 * which it hears of signals. */
static bool
may_be_full(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || fd == 2);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	if (may_be_full(fd) && FAILS(write)) {
		if (!is_short() || n == 0)
			return -1;
		n = 1;
	}
	return syscall(SYS_write, fd, p, n);
}

MOVES(send, (int fd, const void *p, size_t n, int flags), n, SYS_sendto, fd, p,
    n, flags, NULL, 0)
MOVES(recv, (int fd, void *p, size_t n, int flags), n, SYS_recvfrom, fd, p, n,
    flags, NULL, NULL)

/* One vector is all that we ever pass. */
#define MOVES_MESSAGE(name, type)                                           \
	ssize_t name(int fd, type *m, int flags)                            \
	{                                                                   \
		struct msghdr copy = *m;                                    \
		struct iovec one = copy.msg_iov[0];                         \
		ssize_t r;                                                  \
		if (!FAILS(name))                                           \
			return syscall(SYS_##name, fd, m, flags);           \
		if (!is_short())                                            \
			return -1;                                          \
		one.iov_len = 1;                                            \
		copy.msg_iov = &one;                                        \
		r = syscall(SYS_##name, fd, &copy, flags);                  \
		((struct msghdr *)m)->msg_controllen = copy.msg_controllen; \
		((struct msghdr *)m)->msg_flags = copy.msg_flags;           \
		return r;                                                   \
	}

MOVES_MESSAGE(sendmsg, const struct msghdr)
MOVES_MESSAGE(recvmsg, struct msghdr)

/* The time of day. */

static long
leap(void)
{
	unsigned n;

	if (plan.clock == 0 || counts == NULL)
		return 0;
	n = atomic_fetch_add(&counts[N_CALLS], 1) / plan.clock;
	return (n & 1) == 0 ? 0 : (n & 2) == 0 ? TEN_YEARS_S : -TEN_YEARS_S;
}

int
clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ret);

	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		ret->tv_sec += leap();
	return r;
}

int
gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	int r = (int)syscall(SYS_gettimeofday, ret, zone);

	ret->tv_sec += leap();
	return r;
}

time_t
time(time_t *ret)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (ret != NULL)
		*ret = now.tv_sec;
	return now.tv_sec;
}
