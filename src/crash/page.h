/*
 * page - what the files of this folder share.
 */
#ifndef CRASH_PAGE_H
#define CRASH_PAGE_H

#include "crash/crash.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <ucontext.h>

extern struct lastwords *crash_page; /* NULL: nobody wants to know */

/* regs.c: the registers as DWARF numbers them. */
void crash_regs(const ucontext_t *uc, struct lastwords_thread *ret);
uint64_t crash_sp(const struct lastwords_thread *t);

/* copy.c: descriptors that stay open for the handler, and what it reads. */
void crash_copy_open(void);

/* Bytes from an address that may not be readable; how many there were. */
size_t crash_copy(void *dst, uint64_t from, size_t n);
void crash_copy_maps(struct lastwords *w);
void crash_copy_rss(struct lastwords *w);

/* threads.c: a stack for the handler on this thread. */
void crash_threads_init(void);
void crash_own_stack(void);

/* The registers and stack of the thread that died: the first of all. */
void crash_take_self(struct lastwords *w, pid_t tid, const ucontext_t *uc);

/* Those of all others. They stand still until crash_release(). */
void crash_take_others(struct lastwords *w, pid_t self);
void crash_release(void);

/* Another thread died first: lets it be taken and waits for the end. */
void crash_stand_still(const ucontext_t *uc);

#endif
