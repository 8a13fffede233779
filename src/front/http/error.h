/*
 * error - what went wrong, in the form of the protocol that the request is
 * of: as an answer of its own, or within a stream.
 */
#ifndef HTTP_ERROR_H
#define HTTP_ERROR_H

#include "base/buf.h"

struct http;

enum error_form {
	ERRORS_OPENAI,	  /* {"error":{"message","type","param","code"}} */
	ERRORS_LLAMA,	  /* {"error":{"code","message","type"}} */
	ERRORS_ANTHROPIC, /* {"type":"error","error":{"type","message"}} */
	ERRORS_OLLAMA,	  /* {"error":"..."} */
	ERRORS_NFORMS
};

/* The object alone. */
void error_put(struct buf *out, enum error_form form, const struct fail *why);

/* The whole answer for it in http_errors()'s form, and http_done(). */
void error_reply(struct http *h, const struct fail *why);

/* What the headers of such an answer say of trying again, into out. */
void error_headers(const struct fail *why, int status, char *out, size_t size);

/* The same for what is HTTP's own: the status says it all. extra: header
 * lines or NULL. */
void error_status(struct http *h, int status, const char *extra,
    const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
