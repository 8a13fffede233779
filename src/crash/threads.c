/*
 * All threads of the process, asked by a signal of our own. Asked in peace
 * (ORDER_STACK), a thread gets a stack for handlers: by writing it into the
 * context that the kernel restores, because only a thread itself can set it
 * and nobody but the engine makes them. Asked by one that dies (ORDER_TAKE), it
 * leaves its registers and stands still, so that its stack can be copied.
 */
#include "crash/page.h"

#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 200 /* for all other threads together */
#define STILL_MS 10000	/* whoever waits longer was forgotten */
#define STACK_BYTES (48u << 10)
#define STACK_SKIP (2u << 20) /* below a readable stack, when it ran over */

enum order { ORDER_NONE, ORDER_STACK, ORDER_TAKE };

static volatile sig_atomic_t order;
static int ask_signal; /* 0: not installed */
static size_t stack_bytes;
static char *stacks;	  /* one for each of crash_page->tids */
static int tasks_fd = -1; /* opened at the start, as in copy.c */

static void
sleep_ms(long ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000 };

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static pid_t
own_tid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

static void
set_down_stack(ucontext_t *uc, pid_t tid)
{
	const struct lastwords *w = crash_page;
	uint32_t n = atomic_load(&w->n_tids);

	if (uc->uc_stack.ss_size >= stack_bytes &&
	    !(uc->uc_stack.ss_flags & SS_DISABLE))
		return;
	for (uint32_t i = 0; i < n && i < LASTWORDS_THREADS; i++)
		if (w->tids[i] == tid)
			uc->uc_stack = (stack_t){
				.ss_sp = stacks + i * stack_bytes,
				.ss_size = stack_bytes,
			};
}

/* Leaves this thread's registers if it is asked for them. */
static void
answer(const ucontext_t *uc)
{
	struct lastwords *w = crash_page;
	uint32_t n = atomic_load(&w->n_threads);
	pid_t tid = own_tid();

	for (uint32_t i = 1; i < n && i < LASTWORDS_THREADS; i++) {
		struct lastwords_thread *t = &w->threads[i];

		if (t->tid != tid || atomic_load(&t->state) != THREAD_ASKED)
			continue;
		crash_regs(uc, t);
		atomic_store(&t->state, THREAD_CAUGHT);
	}
}

void
crash_stand_still(const ucontext_t *uc)
{
	for (int ms = 0; ms < STILL_MS; ms += 5) {
		answer(uc);
		sleep_ms(5);
	}
}

static void
be_taken(const ucontext_t *uc)
{
	answer(uc);
	for (int ms = 0; ms < STILL_MS && order == ORDER_TAKE; ms += 5)
		sleep_ms(5);
}

static void
on_ask(int signo, siginfo_t *si, void *context)
{
	(void)signo;
	/* From within the process: nobody else may give orders. */
	if (si->si_code != SI_TKILL || si->si_pid != getpid())
		return;
	if (order == ORDER_STACK)
		set_down_stack(context, own_tid());
	else if (order == ORDER_TAKE)
		be_taken(context);
}

void
crash_own_stack(void)
{
	/* The last place: those before belong to who is counted. */
	stack_t s = {
		.ss_sp = stacks + LASTWORDS_THREADS * stack_bytes,
		.ss_size = stack_bytes,
	};

	(void)sigaltstack(&s, NULL);
}

void
crash_threads_init(void)
{
	struct sigaction ask = { .sa_sigaction = on_ask };
	void *p;

	tasks_fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* What the kernel pushes grows with the vector registers. */
	stack_bytes = STACK_BYTES + getauxval(AT_MINSIGSTKSZ);
	stack_bytes = (stack_bytes + 4095) & ~(size_t)4095;
	p = mmap(NULL, (LASTWORDS_THREADS + 1) * stack_bytes,
	    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	    -1, 0);
	if (p == MAP_FAILED)
		return;
	stacks = p;
	crash_own_stack();
	ask.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
	(void)sigfillset(&ask.sa_mask);
	if (sigaction(SIGRTMAX - 2, &ask, NULL) == 0)
		ask_signal = SIGRTMAX - 2;
}

/* The numbers in /proc/self/task; 0 where it cannot be read. */
static uint32_t
read_tids(int32_t ret[LASTWORDS_THREADS])
{
	_Alignas(8) char room[4096];
	uint32_t count = 0;
	long n;

	if (tasks_fd < 0 || lseek(tasks_fd, 0, SEEK_SET) != 0)
		return 0;
	while ((n = syscall(SYS_getdents64, tasks_fd, room, sizeof(room))) > 0)
		for (long at = 0; at < n;) {
			const char *entry = room + at;
			const char *name = entry + 19; /* linux_dirent64 */
			uint16_t len;
			int32_t tid = 0;

			(void)memcpy(&len, entry + 16, sizeof(len));
			for (; *name >= '0' && *name <= '9'; name++)
				tid = tid * 10 + (*name - '0');
			if (tid > 0 && count < LASTWORDS_THREADS)
				ret[count++] = tid;
			at += len;
		}
	return count;
}

void
crash_know_threads(void)
{
	struct lastwords *w = crash_page;
	pid_t self = own_tid();
	uint32_t n;

	if (w == NULL || ask_signal == 0)
		return;
	n = read_tids(w->tids);
	atomic_store(&w->n_tids, n);
	order = ORDER_STACK;
	for (uint32_t i = 0; i < n; i++)
		if (w->tids[i] != self)
			(void)tgkill(getpid(), w->tids[i], ask_signal);
	/* Not waited for: who comes later finds the order still standing. */
}

/* What is below sp is not looked at, but for the red zone's sake. Where the
 * stack ran over, its first readable page is a little above. */
static void
take_stack(struct lastwords *w, uint32_t i, uint64_t sp)
{
	struct lastwords_thread *t = &w->threads[i];
	uint32_t max;
	uint8_t *room = lastwords_stack(w, i, &max);
	size_t n = crash_copy(room, sp, max);

	for (uint64_t skip = 0; n == 0 && sp != 0 && skip < STACK_SKIP;
	     skip += 4096) {
		t->stack_at = (sp + skip + 4096) & ~(uint64_t)4095;
		n = crash_copy(room, t->stack_at, max);
	}
	if (t->stack_at == 0)
		t->stack_at = sp;
	t->n_stack = (uint32_t)n;
	atomic_store(&t->state, THREAD_WHOLE);
}

void
crash_take_self(struct lastwords *w, pid_t tid, const ucontext_t *uc)
{
	struct lastwords_thread *t = &w->threads[0];

	t->tid = tid;
	crash_regs(uc, t);
	atomic_store(&t->state, THREAD_CAUGHT);
	atomic_store(&w->n_threads, 1);
	take_stack(w, 0, crash_sp(t));
}

static void
ask_all(struct lastwords *w, pid_t self)
{
	int32_t tids[LASTWORDS_THREADS];
	uint32_t count = read_tids(tids);
	uint32_t n = 1;

	if (count == 0) {
		count = atomic_load(&w->n_tids);
		count = count < LASTWORDS_THREADS ? count : LASTWORDS_THREADS;
		(void)memcpy(tids, w->tids, count * sizeof(tids[0]));
	}
	order = ORDER_TAKE;
	for (uint32_t i = 0; i < count && n < LASTWORDS_THREADS; i++) {
		if (tids[i] == self)
			continue;
		w->threads[n].tid = tids[i];
		atomic_store(&w->threads[n].state, THREAD_ASKED);
		atomic_store(&w->n_threads, ++n);
		(void)tgkill(getpid(), tids[i], ask_signal);
	}
}

/* How many have not answered yet; takes the stacks of those that have. */
static uint32_t
take_answers(struct lastwords *w)
{
	uint32_t n = atomic_load(&w->n_threads);
	uint32_t left = 0;

	for (uint32_t i = 1; i < n; i++) {
		struct lastwords_thread *t = &w->threads[i];

		if (atomic_load(&t->state) == THREAD_CAUGHT)
			take_stack(w, i, crash_sp(t));
		else if (atomic_load(&t->state) == THREAD_ASKED)
			left++;
	}
	return left;
}

void
crash_take_others(struct lastwords *w, pid_t self)
{
	if (ask_signal == 0)
		return;
	ask_all(w, self);
	for (int ms = 0; take_answers(w) > 0 && ms < PATIENCE_MS; ms += 2)
		sleep_ms(2);
}

void
crash_release(void)
{
	order = ORDER_NONE;
}
