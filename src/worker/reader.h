/*
 * reader - the text of an answer in a chat, taken apart as it grows: content,
 * reasoning, calls of tools.
 *
 * Who knows a model's format can only read a whole text; reading it again at
 * each token would cost the square of its length. So where the last reading
 * ended inside content or reasoning, what is added belongs to that as long as
 * none of the marks of the format comes; and elsewhere each byte that is added
 * pays for a few to be read again, so an answer costs a small multiple of its
 * length. All of it depends on the bytes and on how they came, never on time: a
 * replay rebuilds the state.
 *
 * Nothing that was given out is ever taken back: a reading that contradicts it
 * adds nothing.
 */
#ifndef WORKER_READER_H
#define WORKER_READER_H

#include "worker/words.h"

#include "wire/part.h"

struct read_call {
	struct str id; /* empty: the format has none */
	struct str name;
	struct str arguments;
};

/* What a whole text says, or the start of one. The strings stay until the next
 * one is read. */
struct reading {
	struct str content;
	struct str reasoning;
	uint32_t n_calls;
	struct read_call calls[PART_CALLS_MAX];
};

/* 0; ERR_INVALID: the text is not of the format; ERR_NOMEM. */
typedef int (*read_fn)(
    void *arg, struct str text, bool is_partial, struct reading *ret);

enum reader_open {
	OPEN_NOTHING, /* only reading it again tells what more text is */
	OPEN_CONTENT,
	OPEN_REASONING,
};

struct reader {
	read_fn read;
	void *arg;
	uint64_t seed;	    /* of the ids of calls */
	struct words marks; /* where something else may begin */
	struct buf text;    /* all so far */
	size_t credit;	    /* bytes that may be read again */
	size_t said_at;	    /* bytes of it that were given out when last open */
	size_t content_at;  /* bytes of content by then ... */
	size_t reasoning_at; /* ... and of reasoning */
	enum reader_open open;
	struct buf content; /* given out so far */
	struct buf reasoning;
	struct buf *arguments; /* of each call */
	uint32_t n_calls;      /* given out */
	struct reading *last;
	struct buf parts; /* of the present call */
};

/* The marks are copied. 0, ERR_NOMEM or ERR_TOO_BIG; reader_done() in any
 * case. */
int reader_init(struct reader *r, struct strs marks, uint64_t seed,
    read_fn read, void *arg) MUST_CHECK;
void reader_done(struct reader *r);

/* The answer has begun already: what the reader of the empty text says is no
 * part of it. Before the first reader_add(). 0 or ERR_NOMEM. */
int reader_skip(struct reader *r) MUST_CHECK;

/* More of the text. *ret: the parts that it adds (wire/part.h), until the next
 * call. 0, ERR_NOMEM or ERR_TOO_BIG. */
int reader_add(struct reader *r, struct str text, struct str *ret) MUST_CHECK;

/* The last of it. */
int reader_end(struct reader *r, struct str text, struct str *ret) MUST_CHECK;

#endif
