/*
 * IDLE --byte--> READING --whole request--> ANSWERING --http_done()--> IDLE
 *                   |                           |
 *                   +--error, deadline--> CLOSING <--the last answer
 *
 * While a request is answered the connection goes on reading, so that a peer
 * that vanishes is noticed; it pauses only once a pipelining client has sent
 * more. Nothing but this struct and the conn stays while it is idle: the
 * parser lives from the first byte to the handler's return, and a while after
 * the last answer the conn gives its buffers back.
 */
#include "front/http/http.h"

#include "front/conn.h"
#include "front/front.h"
#include "front/http/error.h"
#include "front/http/route.h"
#include "front/http/visit.h"
#include "front/listener.h"
#include "front/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define REST_MS 1000u /* after an answer, before buffers are given back */

enum http_state {
	HTTP_IDLE = 1,
	HTTP_READING,
	HTTP_ANSWERING,
	HTTP_CLOSING,
};

struct http {
	struct conn *conn;
	struct parse *parse;	      /* while READING; NULL when idle */
	struct request request;	      /* while ANSWERING */
	const struct http_work *work; /* while ANSWERING, or NULL */
	void *arg;
	struct visit *visit; /* from the end of a request's headers */
	enum http_state state;
	enum error_form errors;
	bool is_last;	 /* no request after this one */
	bool has_rested; /* its next deadline while idle ends it */
};

struct front *
http_front(const struct http *h)
{
	return conn_front(h->conn);
}

struct conn *
http_conn(const struct http *h)
{
	return h->conn;
}

const struct request *
http_request(const struct http *h)
{
	return &h->request;
}

enum error_form
http_errors(const struct http *h)
{
	return h->errors;
}

void
http_set_errors(struct http *h, enum error_form form)
{
	h->errors = form;
}

struct buf *
http_out(struct http *h)
{
	conn_touch(h->conn);
	return conn_out(h->conn);
}

void
http_attach(struct http *h, const struct http_work *work, void *arg)
{
	h->work = work;
	h->arg = arg;
}

void
http_tick(struct http *h, uint64_t ms)
{
	conn_deadline(h->conn, ms);
}

bool
http_is_last(const struct http *h)
{
	return h->is_last || http_front(h)->is_draining;
}

bool
http_is_slow(const struct http *h)
{
	return conn_is_slow(h->conn);
}

void
http_set_last(struct http *h)
{
	h->is_last = true;
}

const char *
http_request_id(const struct http *h)
{
	return h->visit != NULL ? h->visit->id : "";
}

void
http_put_headers(struct http *h, int status, struct buf *out)
{
	if (h->visit == NULL)
		return;
	h->visit->status = status;
	visit_put_headers(h->visit, out);
}

void
http_set_failed(struct http *h)
{
	if (h->visit != NULL)
		h->visit->is_failed = true;
}

static void
end_visit(struct http *h, bool is_whole)
{
	visit_end(h->visit, is_whole);
	h->visit = NULL;
}

static void
set_idle(struct http *h)
{
	uint32_t idle_ms = http_front(h)->config.idle_ms;

	h->state = HTTP_IDLE;
	h->has_rested = idle_ms != 0 && idle_ms <= REST_MS;
	conn_deadline(h->conn, h->has_rested ? idle_ms : REST_MS);
}

static void
set_closing(struct http *h)
{
	h->state = HTTP_CLOSING;
	parse_free(h->parse);
	h->parse = NULL;
	conn_deadline(h->conn, 0);
	conn_finish(h->conn);
}

void
http_done(struct http *h)
{
	h->work = NULL;
	end_visit(h, true);
	/* The peer has sent all it will, and all of that is answered. */
	if (conn_is_eof(h->conn) && buf_len(conn_in(h->conn)) == 0)
		h->is_last = true;
	if (http_is_last(h)) {
		set_closing(h);
		return;
	}
	set_idle(h);
	conn_pause(h->conn, false);
}

/* An answer to what could not even be read. */
static void
refuse(struct http *h, int status, const char *why)
{
	h->state = HTTP_ANSWERING;
	h->is_last = true;
	h->errors = ERRORS_OPENAI;
	h->request = (struct request){ .method = METHOD_OTHER };
	if (h->visit == NULL)
		h->visit = visit_new(h->conn, NULL);
	error_status(h, status, NULL, "%s", why);
}

static void
refuse_late(struct http *h)
{
	char why[96];

	(void)snprintf(why, sizeof(why),
	    "the request was not whole after %u ms, which is the limit",
	    http_front(h)->config.request_ms);
	refuse(h, 408, why);
}

static void
answer(struct http *h)
{
	h->state = HTTP_ANSWERING;
	h->request = *parse_request(h->parse);
	h->is_last = !h->request.keep_alive;
	h->errors = ERRORS_OPENAI;
	http_front(h)->metrics.http_requests_total++;
	conn_deadline(h->conn, 0);
	route_run(h, &h->request);
	parse_free(h->parse);
	h->parse = NULL;
}

/* What is left of its body is not read. */
static void
turn_away(struct http *h, const struct request *head, bool is_whole,
    const struct fail *why)
{
	h->state = HTTP_ANSWERING;
	h->request = *head;
	h->request.body = STR("");
	h->is_last = !is_whole || !head->keep_alive;
	h->errors = route_errors(head->path);
	http_front(h)->metrics.http_requests_total++;
	conn_deadline(h->conn, 0);
	error_reply(h, why);
	parse_free(h->parse);
	h->parse = NULL;
}

/* Its headers are there: whether it is let in. */
static bool
let_in(struct http *h, const struct request *head, bool is_whole)
{
	struct fail why;

	if (h->visit == NULL) {
		h->visit = visit_new(h->conn, head);
		if (h->visit == NULL) {
			conn_abort(h->conn, ERR_NOMEM);
			h->state = HTTP_CLOSING;
			return false;
		}
		h->visit->bytes_in = head->bytes;
		if (visit_check(h->visit, head, &why) != 0) {
			turn_away(h, head, is_whole, &why);
			return false;
		}
	}
	h->visit->bytes_in = head->bytes;
	return true;
}

static void
start_reading(struct http *h)
{
	const struct front_config *c = &http_front(h)->config;
	struct parse_limits limits = { .head_max = c->header_max,
		.body_max = c->body_max };

	h->parse = parse_new(&limits);
	if (h->parse == NULL) {
		conn_abort(h->conn, ERR_NOMEM);
		h->state = HTTP_CLOSING;
		return;
	}
	h->state = HTTP_READING;
	conn_deadline(h->conn, c->request_ms);
}

static void
read_request(struct http *h)
{
	struct buf *in = conn_in(h->conn);
	enum parse_result result;
	const struct request *head;
	size_t used;

	result = parse_feed(h->parse, buf_data(in), buf_len(in), &used);
	buf_consume(in, used);
	head = parse_head(h->parse);
	if (head != NULL && !let_in(h, head, result == PARSE_DONE))
		return;
	if (result == PARSE_DONE)
		answer(h);
	else if (result == PARSE_FAILED)
		refuse(h, parse_status(h->parse), parse_why(h->parse));
	else if (parse_wants_continue(h->parse))
		buf_puts(http_out(h), "HTTP/1.1 100 Continue\r\n\r\n");
}

/* A client that does not read its answers is not asked for more requests. */
static bool
is_full(struct http *h)
{
	return buf_len(conn_out(h->conn)) > http_front(h)->config.out_high;
}

static void
wait_for_reader(struct http *h)
{
	if (conn_is_slow(h->conn))
		conn_pause(h->conn, true); /* until on_slow() */
	else
		conn_input_later(h->conn);
}

static void
on_input(void *arg)
{
	struct http *h = arg;
	struct buf *in = conn_in(h->conn);

	while (buf_len(in) > 0 && !is_full(h)) {
		if (h->state == HTTP_IDLE)
			start_reading(h);
		if (h->state != HTTP_READING)
			break;
		read_request(h);
	}
	if (h->state == HTTP_CLOSING)
		buf_consume(in, buf_len(in));
	else if (h->state == HTTP_ANSWERING && buf_len(in) > 0)
		conn_pause(h->conn, true);
	else if (buf_len(in) > 0)
		wait_for_reader(h);
	else if (h->state == HTTP_IDLE && conn_is_eof(h->conn))
		set_closing(h);
}

/* Half-closed: what was asked whole is answered. */
static void
on_eof(void *arg)
{
	struct http *h = arg;

	if (h->state == HTTP_READING)
		refuse(h, 400, "the request ends before it is whole");
	else if (h->state == HTTP_IDLE && buf_len(conn_in(h->conn)) == 0)
		set_closing(h);
}

static void
on_slow(void *arg, bool is_slow)
{
	struct http *h = arg;

	if (h->work != NULL && h->work->slow != NULL)
		h->work->slow(h->arg, is_slow);
	else if (h->work == NULL && !is_slow)
		conn_pause(h->conn, false);
}

/* The first deadline of an idle connection gives its memory back. */
static void
rest(struct http *h)
{
	uint32_t idle_ms = http_front(h)->config.idle_ms;

	if (h->has_rested) {
		set_closing(h);
		return;
	}
	h->has_rested = true;
	conn_rest(h->conn);
	conn_deadline(h->conn, idle_ms == 0 ? 0 : idle_ms - REST_MS);
}

static void
on_deadline(void *arg)
{
	struct http *h = arg;

	if (h->state == HTTP_IDLE)
		rest(h);
	else if (h->state == HTTP_READING)
		refuse_late(h);
	else if (h->work != NULL && h->work->tick != NULL)
		h->work->tick(h->arg);
}

static void
on_closed(void *arg, int err)
{
	struct http *h = arg;

	(void)err;
	if (h->work != NULL)
		h->work->gone(h->arg);
	end_visit(h, false);
	parse_free(h->parse);
	free(h);
}

static void
on_drain(void *arg)
{
	struct http *h = arg;

	if (h->state == HTTP_IDLE)
		set_closing(h);
	else if (h->state == HTTP_READING)
		refuse(h, 503, "the server is stopping; it takes no new work");
}

static size_t
held(void *arg)
{
	const struct http *h = arg;

	return h->parse == NULL ? 0 : parse_held(h->parse);
}

static void
on_full(void *arg, const struct fail *why)
{
	struct http *h = arg;

	if (h->state != HTTP_READING)
		return;
	http_front(h)->metrics.refused_input_total++;
	refuse(h, 503, why->text);
}

static const struct conn_ops ops = {
	.input = on_input,
	.eof = on_eof,
	.slow = on_slow,
	.deadline = on_deadline,
	.closed = on_closed,
	.drain = on_drain,
	.held = held,
	.full = on_full,
};

static struct http *
http_new(struct front *f, int fd, uint32_t uid)
{
	struct http *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		(void)close(fd);
		return NULL;
	}
	h->conn = conn_new(f, fd, uid, &ops, h);
	if (h->conn == NULL) {
		free(h);
		return NULL;
	}
	set_idle(h);
	return h;
}

int
http_accept(struct front *f, int fd, uint32_t uid)
{
	return http_new(f, fd, uid) != NULL ? 0 : ERR_NOMEM;
}

int
http_accept_tls(struct front *f, int fd, uint32_t uid)
{
	struct http *h = http_new(f, fd, uid);
	int err = h != NULL ? conn_start_tls(h->conn) : ERR_NOMEM;

	if (h != NULL && err != 0)
		conn_abort(h->conn, err);
	return err;
}

#define REFUSAL                                                              \
	"{\"error\":{\"message\":\"too many connections; try again later\"," \
	"\"type\":\"unavailable_error\",\"param\":null,\"code\":null}}"

struct str
http_refusal(void)
{
	static char text[512];
	int n = snprintf(text, sizeof(text),
	    "HTTP/1.1 503 Service Unavailable\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: %zu\r\n"
	    "Retry-After: 1\r\n"
	    "Connection: close\r\n\r\n%s",
	    sizeof(REFUSAL) - 1, REFUSAL);

	return (struct str){ text, (size_t)n };
}
