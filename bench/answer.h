/*
 * answer - one HTTP answer while it arrives, cut into the lines of its body.
 *
 * Fed with whatever read(2) gave. It understands what the servers that are
 * measured here send: HTTP/1.1 with a Content-Length, in chunks, or until the
 * connection ends. Made to cost little, not to be strict.
 */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum answer_state {
	ANSWER_HEAD,	  /* in the status line or a header */
	ANSWER_SIZE,	  /* in the line before a chunk */
	ANSWER_CHUNK,	  /* in a chunk; left bytes are to come */
	ANSWER_CHUNK_END, /* in the empty line after a chunk */
	ANSWER_TRAILER,	  /* after the last chunk */
	ANSWER_BODY,	  /* in a body without chunks; left bytes to come */
	ANSWER_DONE,	  /* whole */
	ANSWER_BAD,	  /* not understood */
};

/* A line of the body, without its end; p lives as long as the call. */
typedef void answer_line_fn(void *arg, struct str line);

struct answer {
	enum answer_state state;
	int status; /* 200; 0 until it is known */
	bool is_chunked;
	uint64_t left;	    /* bytes of the chunk or body */
	struct buf framing; /* the begun line of the head or between chunks */
	struct buf body;    /* the begun line of the body */
	answer_line_fn *on_line;
	void *arg;
};

void answer_init(struct answer *a, answer_line_fn *on_line, void *arg);
void answer_done(struct answer *a);

/* Ready for another answer on the same connection. */
void answer_reset(struct answer *a);

/* Bytes after the answer's end are dropped: nobody here pipelines. */
void answer_feed(struct answer *a, const char *p, size_t n);

/* The connection ended: that may be the answer's end, or make it BAD. */
void answer_eof(struct answer *a);

#endif
