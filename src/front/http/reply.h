/*
 * reply - the bytes of an answer: whole, or a stream of events.
 */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include "base/buf.h"

struct http;

/* A whole answer, and http_done(). type: NULL when there is no body. extra:
 * header lines, each with its CRLF, or "". A HEAD request gets the headers
 * alone. */
void reply_send(struct http *h, int status, const char *type, const char *extra,
    struct str body);
void reply_json(struct http *h, struct str body); /* 200 */

/* 200, or 500 if body has failed; and buf_done(). */
void reply_buf(struct http *h, const char *type, struct buf *body);

/* A stream of that Content-Type. Its status is 200 and its end is that of the
 * chunks or, in HTTP/1.0, of the connection. */
void reply_stream(struct http *h, const char *type);

/* Around the bytes of one event in http_out(): begin gives the mark that end
 * wants. Nothing else may be written in between. One without bytes is none. */
size_t reply_event_begin(struct http *h);
void reply_event_end(struct http *h, size_t mark);

/* The stream is over, and http_done(). */
void reply_stream_end(struct http *h);

#endif
