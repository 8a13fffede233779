/*
 * answer - a completion or chat request from its check to the last byte of
 * its answer. Private to answer.c, which lives by what the worker and the
 * client tell it, and emit.c, which writes.
 */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "front/http/chunk.h"

struct gen;
struct http;

struct choice {
	struct answer *answer;
	struct gen *gen; /* NULL once it is over */
	uint32_t index;
	uint32_t n_chars; /* of the tokens so far, for text_offset */
	const char *reason;
	struct chunk_times times;
	struct buf text; /* gathered; in a stream, the echo until it is out */
	struct buf reasoning; /* gathered, not in a stream */
	struct buf calls;     /* the same, as JSON */
	bool has_calls;
	struct buf probs; /* see probs.h; in a stream, since the last text */
};

struct answer {
	struct http *http;
	struct chunk_form form;
	char id[40];	 /* "chatcmpl-" and 24 hex digits */
	int64_t created; /* Unix seconds */
	uint32_t n_choices;
	uint32_t n_left; /* choices that are not done */
	uint32_t n;	 /* choices of each prompt */
	size_t gathered; /* bytes */
	bool is_stream;
	bool is_open;	 /* the stream's header is out */
	bool has_spoken; /* since the last tick */
	bool wants_usage;
	struct choice choices[];
};

/* Drops what still runs. */
void answer_free(struct answer *a);

/* Ends the answer with an error, as its status if that is not out yet; a is
 * gone afterwards. */
void answer_fail(struct answer *a, const struct fail *why);

/* Sends the stream's header, once. */
void emit_open(struct answer *a);

/* Events of the stream. The two of them with text carry the logprobs that
 * wait. */
void emit_role(struct answer *a, const struct choice *c);
void emit_text(struct answer *a, struct choice *c, struct str text);
void emit_part(struct answer *a, struct choice *c, const struct part *p);
void emit_finish(struct answer *a, const struct choice *c);
void emit_line(struct answer *a, const char *line);
void emit_error(struct answer *a, const struct fail *why);

/* The last of a stream, and an answer in one piece; a is gone afterwards. */
void emit_stream_end(struct answer *a);
void emit_whole(struct answer *a);

/* It got too large for one piece; a is gone afterwards. */
void emit_too_big(struct answer *a);

#endif
