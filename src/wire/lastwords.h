/*
 * lastwords - the memory in which a child leaves what it was doing and how it
 * died. The keeper makes it, and reads nothing of it: that is bulkhead-autopsy's
 * work, in a process of its own.
 *
 * The child writes two things: notes, a few stores at each unit of work, and,
 * from the handler of a deadly signal, the state of its threads. All of it is
 * a stranger's word: every count in it wants a bound, every text an escape.
 */
#ifndef WIRE_LASTWORDS_H
#define WIRE_LASTWORDS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Where a child finds it: beside CHANNEL_FD and PROGRESS_FD. */
#define LASTWORDS_FD 5

#define LASTWORDS_SEQS 256u    /* of a model; --parallel has the same limit */
#define LASTWORDS_BATCH 64u    /* sequences of one batch that are named */
#define LASTWORDS_LINES 32u    /* of the log */
#define LASTWORDS_LINE 240u    /* bytes of each */
#define LASTWORDS_THREADS 128u /* beyond these none is looked at */
#define LASTWORDS_MAPS (256u << 10)
#define LASTWORDS_STACK (64u << 10) /* of the thread that died, from its sp */
#define LASTWORDS_OTHER (16u << 10) /* of each other thread */
#define LASTWORDS_REGS 33u	    /* as DWARF numbers them */

enum lastwords_step {
	STEP_NONE,
	STEP_LOAD,   /* reading the file */
	STEP_ATTACH, /* reading a file beside it */

	STEP_SUBMIT, /* template, tokens, grammar of one generation */
	STEP_CHUNK,  /* a chunk or tail of one sequence */
	STEP_TOKENS, /* a token of each of some sequences */
	STEP_SAMPLE, /* choosing a token of one generation */
	STEP_COUNT
};

/* How far the handler has come. */
enum lastwords_state {
	LASTWORDS_NONE,	 /* it never ran: SIGKILL, _exit(2) */
	LASTWORDS_BEGUN, /* what follows may be missing */
	LASTWORDS_WHOLE,
};

enum lastwords_thread_state {
	THREAD_FREE,
	THREAD_ASKED,  /* it did not answer: blocked, or in the kernel */
	THREAD_CAUGHT, /* registers */
	THREAD_WHOLE,  /* and stack */
};

struct lastwords_thread {
	_Atomic uint32_t state; /* enum lastwords_thread_state */
	int32_t tid;
	uint32_t n_regs; /* 0: unknown machine */
	uint32_t n_stack;
	uint64_t stack_at; /* the address of its first byte */
	uint64_t regs[LASTWORDS_REGS];
};

struct lastwords {
	/* Notes. */
	_Atomic uint32_t step; /* enum lastwords_step */
	_Atomic uint32_t n_tokens;
	_Atomic uint64_t gen; /* of the step; 0: of more than one, or none */
	_Atomic uint32_t n_batch;
	int32_t batch[LASTWORDS_BATCH];		/* sequence ids */
	_Atomic uint64_t seats[LASTWORDS_SEQS]; /* generation by sequence */
	char abort_text[512];
	_Atomic uint32_t n_lines; /* ever written; modulo gives the place */
	char lines[LASTWORDS_LINES][LASTWORDS_LINE];
	_Atomic uint32_t n_tids;
	int32_t tids[LASTWORDS_THREADS]; /* when last counted */

	/* Last words. */
	_Atomic uint32_t state; /* enum lastwords_state */
	_Atomic int32_t tid;	/* who died; 0: nobody yet */
	int32_t signo;		/* 0: exit(3) was called */
	int32_t code;		/* si_code */
	uint64_t address;	/* that could not be touched, or the call's */
	int32_t sender;		/* pid, where a process sent it */
	int32_t call;		/* SIGSYS: the system call */
	int32_t status;		/* of exit(3) */
	uint64_t rss_kib;
	_Atomic uint32_t n_threads; /* the first is the one that died */
	struct lastwords_thread threads[LASTWORDS_THREADS];
	uint32_t n_maps;
	char maps[LASTWORDS_MAPS]; /* /proc/self/maps, cut at a line */
	uint8_t stack[LASTWORDS_STACK];
	uint8_t others[LASTWORDS_THREADS][LASTWORDS_OTHER];
};

/* A memfd of that size, sealed, all zero; close-on-exec. Pages that nobody
 * touches cost nothing. 0 or ERR_IO. */
int lastwords_make(int *ret_fd) __attribute__((warn_unused_result));

/* Maps it, to write; NULL if fd is none of that size. */
struct lastwords *lastwords_map(int fd);
void lastwords_unmap(struct lastwords *w); /* NULL is allowed */

/* The bytes of the i-th thread's stack; i < LASTWORDS_THREADS. */
uint8_t *lastwords_stack(struct lastwords *w, uint32_t i, uint32_t *ret_max);

/* "sample"; never NULL. */
const char *lastwords_step_name(uint32_t step);

#endif
