/*
 * chunk - the JSON of an answer's pieces: what surrounds each token of a
 * stream is formed once, so that a token costs one escape and a few copies.
 */
#ifndef HTTP_CHUNK_H
#define HTTP_CHUNK_H

#include "front/http/calls.h"
#include "front/http/dialect.h"
#include "front/http/times.h"

struct chunk_form {
	bool is_chat;
	/* {"id":...,"object":...,"created":...,"model":...,
	 * "system_fingerprint":...,"choices":[ */
	struct str head;
};

/* An answer in one piece. */
struct chunk_said {
	struct str text;
	struct str reasoning; /* empty: none */
	const struct calls *calls;
};

/* Writes the head. */
void chunk_init(struct buf *head, bool is_chat, bool is_stream,
    const struct answer_names *names);

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
    const char *reason, const struct choice_times *times);

void chunk_usage(const struct chunk_form *f, struct buf *out,
    const struct answer_counts *counts);

/*
 * An answer in one piece: open, one chunk_whole() for each choice, close.
 */
void chunk_open(const struct chunk_form *f, struct buf *out);
void chunk_whole(const struct chunk_form *f, struct buf *out, uint32_t index,
    const struct chunk_said *said, struct str probs, const char *reason);
void chunk_close(struct buf *out, const struct answer_counts *counts,
    const struct choice_times *times);

#endif
