/*
 * chunk - the JSON of an answer's pieces: what surrounds each token of a
 * stream is formed once, so that a token costs one escape and a few copies.
 */
#ifndef HTTP_CHUNK_H
#define HTTP_CHUNK_H

#include "wire/part.h"

struct chunk_form {
	bool is_chat;
	/* {"id":...,"object":...,"created":...,"model":...,
	 * "system_fingerprint":...,"choices":[ */
	struct buf head;
};

struct chunk_names {
	struct str id;
	struct str model;
	struct str version; /* of Bulkhead */
	int64_t created;    /* Unix seconds */
};

struct chunk_counts {
	uint64_t prompt; /* tokens */
	uint64_t output;
};

/* An answer in one piece. */
struct chunk_said {
	struct str text;
	struct str reasoning; /* empty: none */
	struct str calls;     /* by chunk_add_call(); empty: none */
};

struct chunk_times {
	uint32_t n_prompt;
	uint32_t n_out;
	uint64_t prefill_us;
	uint64_t decode_us;
};

/* Check buf_err(&f->head); chunk_done() it in any case. */
void chunk_init(struct chunk_form *f, bool is_chat, bool is_stream,
    const struct chunk_names *names);
void chunk_done(struct chunk_form *f);

/*
 * Events of a stream, from "data: " to the empty line, appended to out.
 */

/* The first of a chat's choice. */
void chunk_role(const struct chunk_form *f, struct buf *out, uint32_t index);

/* Text of one choice. probs: JSON of its logprobs, or empty. */
void chunk_text(const struct chunk_form *f, struct buf *out, uint32_t index,
    struct str text, struct str probs);

/* One part of a chat's choice (wire/part.h). */
void chunk_part(const struct chunk_form *f, struct buf *out, uint32_t index,
    const struct part *p, struct str probs);

/* The last of a choice. times: NULL for none. */
void chunk_finish(const struct chunk_form *f, struct buf *out, uint32_t index,
    const char *reason, const struct chunk_times *times);

void chunk_usage(const struct chunk_form *f, struct buf *out,
    const struct chunk_counts *counts);

/*
 * An answer in one piece: open, one chunk_whole() for each choice, close.
 */
void chunk_open(const struct chunk_form *f, struct buf *out);
void chunk_whole(const struct chunk_form *f, struct buf *out, uint32_t index,
    const struct chunk_said *said, struct str probs, const char *reason);

/* Adds a part to the JSON of said.calls. */
void chunk_add_call(struct buf *calls, const struct part *p);
void chunk_close(struct buf *out, const struct chunk_counts *counts,
    const struct chunk_times *times);

#endif
