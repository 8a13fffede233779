/*
 * dialect - how one protocol over HTTP asks and is answered: a table of what
 * reads its body (ask.h), what its errors look like (error.h) and what writes
 * its answers. answer.c lives an answer and knows none of them; a new protocol
 * is a file with a table, and a row in route.c.
 *
 * The writers append to out and never fail: what finds no room ends the
 * connection. In a stream each call makes one chunk of HTTP, or more by
 * emit_next() (answer.h); one that appends nothing makes none.
 */
#ifndef HTTP_DIALECT_H
#define HTTP_DIALECT_H

#include "front/http/error.h"

#include <stdint.h>

struct answer;
struct ask_form;
struct ask;
struct choice;
struct http;
struct part;
struct request;

/* What is known of an answer when it begins. */
struct answer_names {
	struct str id;
	struct str model;
	struct str version; /* of Bulkhead */
	int64_t created;    /* Unix seconds */
};

/* What the journal calls them. */
enum dialect_id {
	DIALECT_OPENAI_COMPLETION,
	DIALECT_OPENAI_CHAT,
	DIALECT_LLAMA,
	DIALECT_ANTHROPIC,
	DIALECT_RESPONSES,
	DIALECT_OLLAMA_GENERATE,
	DIALECT_OLLAMA_CHAT,
};

struct dialect {
	enum dialect_id id;
	const struct ask_form *ask;
	enum error_form errors;
	const char *id_start;	 /* of an answer's id: "chatcmpl-" */
	const char *stream_type; /* Content-Type */
	/* The text of a stream is kept in the choice too, by its writers, who
	 * say it again at its end; then it may have KEEP_MAX bytes. */
	bool keeps_text;

	/* Choices gather the ids of their tokens, and say what they cost so far. */
	bool keeps_tokens;

	/* Forms once, in a->head, what comes again and again, or what of q an
	 * answer shows. Check buf_err(&a->head). */
	void (*init)(struct answer *a, const struct ask *q,
	    const struct answer_names *names);

	/* Answers, now or later, what asks for no generation: true if that is
	 * so. NULL: there is no such request. */
	bool (*instead)(struct http *h, const struct ask *q);

	/* A stream: start of a choice that has its slot; text; a part of it
	 * (NULL: never); the end of a choice; the end of all. probs: logprobs
	 * of the text, by .probs, or empty. */
	void (*start)(struct answer *a, struct choice *c, struct buf *out);
	void (*text)(struct answer *a, struct choice *c, struct buf *out,
	    struct str text, struct str probs);
	void (*part)(struct answer *a, struct choice *c, struct buf *out,
	    const struct part *p, struct str probs);
	void (*finish)(struct answer *a, struct choice *c, struct buf *out);
	void (*end)(struct answer *a, struct buf *out); /* NULL: nothing */
	/* So many tokens of a choice's prompt are computed. NULL: not said. */
	void (*progress)(struct answer *a, struct choice *c, struct buf *out,
	    uint32_t n_done);
	/* The client has heard nothing for a while. */
	void (*tick)(struct answer *a, struct buf *out);
	/* The last of a stream that fails. */
	void (*error)(
	    struct answer *a, struct buf *out, const struct fail *why);

	/* All in one piece: every choice has gathered what was said. */
	void (*whole)(struct answer *a, struct buf *out);

	/* Logprobs of a choice (probs.h) as JSON. NULL: none are asked for. */
	void (*probs)(struct buf *out, struct str packed);
};

extern const struct dialect dialect_openai_completion, dialect_openai_chat,
    dialect_anthropic, dialect_responses, dialect_llama, dialect_infill;

/* What several have: a comment, and an event with the error in their form. */
void dialect_tick(struct answer *a, struct buf *out);
void dialect_error(struct answer *a, struct buf *out, const struct fail *why);

/* Reads the request as d does, and answers it. */
void dialect_run(
    struct http *h, const struct request *r, const struct dialect *d);

#endif
