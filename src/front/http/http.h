/*
 * http - one connection that speaks HTTP/1.1: one request after the other is
 * read, routed and answered; see front/listener.h for how it starts.
 *
 * A handler either answers at once (reply.h) or attaches its work, which
 * answers later. One request is answered at a time; what a client sends
 * meanwhile waits.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/buf.h"
#include "front/http/error.h"
#include "front/http/parse.h"

struct conn;
struct front;
struct http;

/* What keeps a request busy after its handler has returned. */
struct http_work {
	/* The client reads too slowly (true), or caught up (false). NULL: it
	 * is no matter. */
	void (*slow)(void *arg, bool is_slow);
	/* The time set by http_tick() has passed. NULL: none is set. */
	void (*tick)(void *arg);
	/* The client is gone. Last call; free what is yours. */
	void (*gone)(void *arg);
};

struct front *http_front(const struct http *h);
struct conn *http_conn(const struct http *h);

/* The request being answered: its strings are good until the handler
 * returns, its numbers until http_done(). */
const struct request *http_request(const struct http *h);

/* What errors of this request look like; OpenAI's until its route is known. */
enum error_form http_errors(const struct http *h);
void http_set_errors(struct http *h, enum error_form form);

/* Where to append the answer; it is sent this turn. */
struct buf *http_out(struct http *h);

/* The handler leaves arg to answer. Call it before the handler returns. */
void http_attach(struct http *h, const struct http_work *work, void *arg);

/* Calls work->tick() once, in ms; 0: not at all. */
void http_tick(struct http *h, uint64_t ms);

/* True when this answer is the connection's last, and has to say so. */
bool http_is_last(const struct http *h);

/* The client has much unread; work->slow() tells when that changes. */
bool http_is_slow(const struct http *h);

/* Makes it the last. */
void http_set_last(struct http *h);

/* By which its request is known in logs, and to its client; "" while there is
 * none. */
const char *http_request_id(const struct http *h);

/* The header lines that every answer has. */
void http_put_headers(struct http *h, int status, struct buf *out);

/* Its stream ends with an error, after a good status. */
void http_set_failed(struct http *h);

/* The answer is whole. The work, if any, is detached without a call: free it
 * yourself. The next request may run, but not from inside this call. */
void http_done(struct http *h);

#endif
