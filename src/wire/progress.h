/*
 * progress - the page that a child shares with the keeper: it bumps a count
 * when it has got something done, the keeper reads it without asking.
 *
 * Progress is tokens, chunks and load percent, never a thread that pings: a
 * process that is stuck must look stuck. Before a unit of work the child says
 * what it is and how long such work takes by its own measure, so that long
 * work gets a long deadline (keeper/pulse.h).
 */
#ifndef WIRE_PROGRESS_H
#define WIRE_PROGRESS_H

#include <stdatomic.h>
#include <stdint.h>

enum progress_phase {
	PHASE_START,
	PHASE_LOAD, /* percent tells how far */
	PHASE_IDLE, /* waits for work; owes no progress */
	PHASE_PREFILL,
	PHASE_DECODE,
	PHASE_SUBMIT, /* makes a request ready: template, tokens, grammar */
	PHASE_SAMPLE, /* chooses tokens from logits */
	PHASE_SERVE,  /* the front: something has come */
	PHASE_ATTACH, /* reads a file that was attached to its model */
	PHASE_NPHASES
};

struct progress {
	_Atomic uint64_t count;		/* things done; only grows */
	_Atomic uint32_t phase;		/* enum progress_phase */
	_Atomic uint32_t percent;	/* of loading */
	_Atomic uint32_t running;	/* sequences in slots */
	_Atomic uint32_t waiting;	/* generations submitted, no slot yet */
	_Atomic uint64_t tokens;	/* generated since start */
	_Atomic uint64_t prompt_tokens; /* prefilled since start */
	_Atomic uint32_t p99_step_us;	/* running figure, for deadlines; 0: no
					 * step yet. The keeper puts the last
					 * worker's here at the start */
	_Atomic uint32_t expect_us; /* of the unit under way; 0: not known */
	_Atomic uint64_t turns;	    /* of an event loop; only grows */
	_Atomic uint32_t reserved[10];
};

/* Makes a page in a memfd, mapped here. 0 or ERR_IO. *ret_fd is close-on-exec;
 * the child finds it at PROGRESS_FD. */
int progress_make(struct progress **ret, int *ret_fd)
    __attribute__((warn_unused_result));

/* Maps a page that was handed over; NULL if fd is none. */
struct progress *progress_map(int fd);

/* NULL is allowed. */
void progress_unmap(struct progress *p);

/* A unit of work begins; about expect_us long, 0: not known. NULL is allowed. */
void progress_begin(
    struct progress *p, enum progress_phase phase, double expect_us);

/* Something is done. NULL is allowed. */
void progress_bump(struct progress *p);

/* "decode"; never NULL. */
const char *progress_phase_name(uint32_t phase);

/* Where a child finds what the keeper gave it. */
#define CHANNEL_FD 3
#define PROGRESS_FD 4

#endif
