/*
 * The handler. Its order is that of worth: who died of what, its stack, the
 * maps, and only then the other threads; so that a handler that dies itself
 * (memory that is not there any more, a kernel that does not answer) has left
 * the better part. All signals are blocked in it, and a fault in it is then
 * the kernel's to end.
 */
#include "crash/page.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct lastwords *crash_page;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_HANDLER false
#else
#define HAS_HANDLER true
#endif

static const int deadly[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP,
	SIGSYS };

static volatile sig_atomic_t may_exit;

/* Whoever is first speaks for the process; 0 if this thread may. */
static pid_t
claim(struct lastwords *w, pid_t tid)
{
	int32_t first = 0;

	(void)atomic_compare_exchange_strong(&w->tid, &first, tid);
	return first;
}

static void
take_signal(struct lastwords *w, const siginfo_t *si)
{
	w->signo = si->si_signo;
	w->code = si->si_code;
	if (si->si_code <= 0) {
		w->sender = si->si_pid;
		return;
	}
	w->address = (uint64_t)(uintptr_t)si->si_addr;
	if (si->si_signo == SIGSYS)
		w->call = si->si_syscall;
}

static void
take_all(struct lastwords *w, pid_t tid, const ucontext_t *uc)
{
	atomic_store(&w->state, LASTWORDS_BEGUN);
	crash_take_self(w, tid, uc);
	crash_copy_maps(w);
	crash_copy_rss(w);
	crash_take_others(w, tid);
	atomic_store(&w->state, LASTWORDS_WHOLE);
}

/* Pending until the handler returns, and so of the registers that it came
 * with: a core file shows them. */
static void
die_of(int signo, pid_t tid)
{
	struct sigaction die = { .sa_handler = SIG_DFL };

	(void)sigaction(signo, &die, NULL);
	(void)tgkill(getpid(), tid, signo);
}

static void
on_deadly(int signo, siginfo_t *si, void *context)
{
	struct lastwords *w = crash_page;
	pid_t tid = (pid_t)syscall(SYS_gettid);
	pid_t first = claim(w, tid);

	if (first == 0) {
		take_signal(w, si);
		take_all(w, tid, context);
	} else if (first != tid) {
		crash_stand_still(context);
	}
	die_of(signo, tid);
}

#ifdef __GLIBC__
/* A library took it upon itself to end the process. */
static void
on_leave(int status, void *arg)
{
	struct lastwords *w = crash_page;
	pid_t tid = (pid_t)syscall(SYS_gettid);
	ucontext_t uc;

	(void)arg;
	if (may_exit || w == NULL || claim(w, tid) != 0 || getcontext(&uc) != 0)
		return;
	w->status = status;
	take_all(w, tid, &uc);
	crash_release();
}
#endif

static void
install_handlers(void)
{
	struct sigaction act = { .sa_sigaction = on_deadly };

	crash_copy_open();
	crash_threads_init();
	act.sa_flags = SA_SIGINFO | SA_ONSTACK;
	(void)sigfillset(&act.sa_mask);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		(void)sigaction(deadly[i], &act, NULL);
#ifdef __GLIBC__
	(void)on_exit(on_leave, NULL);
#endif
}

/* Two threads may write at once: then a line may be torn, which whoever reads
 * it must expect anyway. */
static void
note_line(const char *line, size_t n)
{
	struct lastwords *w = crash_page;
	char *to = w->lines[atomic_fetch_add(&w->n_lines, 1) % LASTWORDS_LINES];

	if (n > LASTWORDS_LINE - 1)
		n = LASTWORDS_LINE - 1;
	(void)memcpy(to, line, n);
	to[n] = '\0';
}

void
crash_install(void)
{
	crash_page = lastwords_map(LASTWORDS_FD);
	if (crash_page == NULL)
		return;
	log_tee(note_line);
	if (HAS_HANDLER)
		install_handlers();
}

void
crash_expect_exit(void)
{
	may_exit = 1;
}

void
crash_note_step(enum lastwords_step step, uint64_t gen)
{
	if (crash_page == NULL)
		return;
	atomic_store(&crash_page->gen, gen);
	atomic_store(&crash_page->step, step);
}

void
crash_note_batch(enum lastwords_step step, uint32_t n_tokens,
    const int32_t *seqs, uint32_t n)
{
	struct lastwords *w = crash_page;

	if (w == NULL)
		return;
	if (n > LASTWORDS_BATCH)
		n = LASTWORDS_BATCH;
	for (uint32_t i = 0; i < n; i++)
		w->batch[i] = seqs[i];
	atomic_store(&w->n_batch, n);
	atomic_store(&w->n_tokens, n_tokens);
	atomic_store(&w->gen, 0);
	atomic_store(&w->step, step);
}

void
crash_note_seat(int32_t seq, uint64_t gen)
{
	if (crash_page != NULL && seq >= 0 && seq < (int32_t)LASTWORDS_SEQS)
		atomic_store(&crash_page->seats[seq], gen);
}

void
crash_note_abort(const char *text)
{
	struct lastwords *w = crash_page;
	size_t n = strlen(text);

	if (w == NULL)
		return;
	if (n > sizeof(w->abort_text) - 1)
		n = sizeof(w->abort_text) - 1;
	(void)memcpy(w->abort_text, text, n);
	w->abort_text[n] = '\0';
}
