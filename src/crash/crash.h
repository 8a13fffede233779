/*
 * crash - how a worker or front leaves its last words (wire/lastwords.h).
 *
 * The handler runs on a stack of its own, takes no lock, allocates nothing and
 * mends nothing: it copies the registers and the stacks of all threads into
 * memory that the keeper has, and then lets the process die of the same signal,
 * so that a core file shows the crash and not the handler.
 *
 * What it asks of the kernel, for whoever filters system calls. A filter that
 * refuses those in brackets costs what they bring, and nothing else, as long as
 * it answers with an error and does not kill:
 *
 *	write read		a pipe made at the start: copies what may not
 *				be readable without faulting
 *	pread64			/proc/self/maps and statm, opened at the start
 *	[openat getdents64 close]	the threads of this moment; without,
 *				those of crash_know_threads()
 *	getpid gettid tgkill	asks the other threads, and dies
 *	rt_sigaction		back to the default
 *	clock_nanosleep		until the others have answered
 *	rt_sigreturn
 *
 * A filter should answer a forbidden call with SECCOMP_RET_TRAP where it wants
 * the stack of who made it known: the handler takes SIGSYS too, and tells the
 * number of the call. SECCOMP_RET_KILL_PROCESS leaves the notes alone.
 *
 * Under the address and thread sanitizers no handler is installed: they have
 * their own, which say more. The notes are written all the same.
 */
#ifndef CRASH_CRASH_H
#define CRASH_CRASH_H

#include "wire/lastwords.h"

/* First thing in main. Without a page at LASTWORDS_FD (a test, a person) the
 * signals are left alone and notes go nowhere. */
void crash_install(void);

/* Counts the threads and gives each a stack for the handler. For when all of
 * them have been made, before a jail closes /proc; again is harmless. */
void crash_know_threads(void);

/* From here on main leaves: exit(3) is no surprise any more. */
void crash_expect_exit(void);

/* Notes: a few stores each, no system call. */

/* gen: whose; 0: none in particular. */
void crash_note_step(enum lastwords_step step, uint64_t gen);

/* What is about to be computed: n sequence ids. */
void crash_note_batch(enum lastwords_step step, uint32_t n_tokens,
    const int32_t *seqs, uint32_t n);

/* Sequence seq works on that generation; 0: on none. */
void crash_note_seat(int32_t seq, uint64_t gen);

/* Why the process is about to abort. */
void crash_note_abort(const char *text);

#endif
