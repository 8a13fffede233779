/*
 * error - OpenAI's error object, as an answer or within a stream.
 */
#ifndef HTTP_ERROR_H
#define HTTP_ERROR_H

#include "base/buf.h"

struct http;

/* {"error":{"message":...,"type":...,"param":...,"code":...}} */
void error_put(struct buf *out, const struct fail *why);

/* The whole answer for it, and http_done(). */
void error_reply(struct http *h, const struct fail *why);

/* What the headers of such an answer say of trying again, into out. */
void error_headers(const struct fail *why, int status, char *out, size_t size);

/* The same for what is HTTP's own: the status says it all. extra: header
 * lines or NULL. */
void error_status(struct http *h, int status, const char *extra,
    const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
