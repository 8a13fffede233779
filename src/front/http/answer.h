/*
 * answer - a request for generations from its check to the last byte of its
 * answer. Private to answer.c, which lives by what the worker and the client
 * tell it, emit.c, which sends, and the dialects, which write.
 */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "front/http/calls.h"
#include "front/http/dialect.h"
#include "front/http/times.h"

/* Bytes of text and logprobs that an answer in one piece may gather, and any
 * answer's prompts that come back. */
#define GATHER_MAX (16u << 20)
/* The same of a stream that keeps its text, and JSON of that: what an event
 * may have. */
#define KEEP_MAX (2u << 20)
#define KEPT_MAX (8u << 20)
#define ANSWER_HEAD_MAX (4u << 20)

struct gen;

struct choice {
	struct answer *answer;
	struct gen *gen; /* NULL once it is over */
	uint32_t index;
	uint32_t n_chars; /* of the tokens so far, for text_offset */
	uint8_t reason;	  /* enum gen_reason */
	struct choice_times times;
	struct buf text; /* gathered; in a stream, the echo until it is out */
	struct buf reasoning; /* gathered, not in a stream */
	struct buf stop;      /* the stop string that ended it */
	struct calls calls;   /* gathered, not in a stream */
	bool has_calls;
	struct buf probs;  /* see probs.h; in a stream, since the last text */
	struct buf tokens; /* int32_t each; the same; where they are wanted */
	struct buf prompt; /* as the worker shows it, where that is wanted */
	uint64_t begun_us; /* clock_us() of its slot, and of its first token */
	uint64_t first_us;
	/* The dialect's own, of a stream: what is open (0: nothing) and how
	 * many before it, events so far, and what it keeps of them. */
	uint32_t open;
	uint32_t n_blocks;
	uint32_t n_events;
	struct buf kept;
};

struct answer {
	struct http *http;
	const struct dialect *dialect;
	struct buf head;  /* by the dialect's init() */
	struct buf stops; /* packed: the strings that end it */
	char id[64];	  /* "chatcmpl-" and 24 hex digits */
	int64_t created;  /* Unix seconds */
	uint64_t born_us; /* by clock_us() */
	uint32_t n_choices;
	uint32_t n_left; /* choices that are not done */
	uint32_t n;	 /* choices of each prompt */
	size_t gathered; /* bytes */
	size_t mark;	 /* where the event begins that is being written */
	bool is_stream;
	bool is_open;	 /* the stream's header is out */
	bool has_spoken; /* since the last tick */
	bool wants_usage;
	struct choice choices[];
};

/* Of all choices; a prompt that several share is counted once. */
struct answer_counts answer_count(const struct answer *a);

/* Drops what still runs. */
void answer_free(struct answer *a);

/* Ends the answer with an error, as its status if that is not out yet; a is
 * gone afterwards. */
void answer_fail(struct answer *a, const struct fail *why);

/* Sends the stream's header, once. */
void emit_open(struct answer *a);

/* Events of the stream. The two of them with text carry the logprobs that
 * wait. */
void emit_start(struct answer *a, struct choice *c);
void emit_text(struct answer *a, struct choice *c, struct str text);
void emit_part(struct answer *a, struct choice *c, const struct part *p);
void emit_progress(struct answer *a, struct choice *c, uint32_t n_done);
void emit_finish(struct answer *a, struct choice *c);
void emit_tick(struct answer *a);
void emit_error(struct answer *a, const struct fail *why);

/* What is appended to out from here on is another event. */
void emit_next(struct answer *a);

/* The last of a stream, and an answer in one piece; a is gone afterwards. */
void emit_stream_end(struct answer *a);
void emit_whole(struct answer *a);

/* It got too large for one piece; a is gone afterwards. */
void emit_too_big(struct answer *a);

#endif
