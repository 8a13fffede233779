/*
 * Theory: conn_in() holds at most one unfinished message and whatever follows
 * it. The framing scanner sees each byte once (scanned); when it has found the
 * end of a value (whole), message_handle() gets it, and it leaves the buffer
 * once it is handled. A message that has to wait for a change of the model
 * stays in front, and reading is paused behind it.
 *
 * Where the framing is lost (a byte that can begin no value) the rest of the
 * line is skipped, so clients that end their messages with a newline go on. A
 * message over the ceiling or never finished closes the connection: to find
 * its end would mean to read on for as long as the client likes.
 *
 * One for which there is no memory is read on to its end and not kept, so that
 * the runs of its connection go on.
 */
#include "front/rpc/rpc.h"

#include "base/log.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/listener.h"
#include "front/model.h"
#include "front/errors.h"
#include "front/rpc/load.h"
#include "front/rpc/rows.h"
#include "front/rpc/run.h"
#include "front/rpc/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of what waits for the end of a line: bytes past which no more requests are
 * read, and the ceiling, times --out-high. */
#define HELD_HIGH 65536u
#define HELD_FACTOR 16u

struct model *
rpc_model(const struct rpc *r)
{
	return r->model == 0 ? NULL : model_by_id(r->front, r->model);
}

void
rpc_complain(struct rpc *r, int code, const char *text)
{
	struct call nobody = { .rpc = r, .id = STR("null") };

	call_error(&nobody, code, NULL, text);
}

void
rpc_complain_of(struct rpc *r, const struct fail *why)
{
	struct call nobody = { .rpc = r, .id = STR("null") };

	call_fail(&nobody, why);
}

static uint32_t
hash(const char *s)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h;
}

void
rpc_warn_unknown(struct rpc *r, const char *where, const char *name)
{
	struct warned *w = r->warned;
	uint32_t h = hash(name);

	if (w == NULL)
		w = r->warned = calloc(1, sizeof(*w));
	if (w == NULL || w->n == RPC_WARNED_MAX)
		return;
	for (uint32_t i = 0; i < w->n; i++)
		if (w->hash[i] == h)
			return;
	w->hash[w->n++] = h;
	log_warn("%s: unknown field \"%s\" is ignored", where, name);
}

/* Says why and closes: what follows cannot be trusted to be a message. */
static void
give_up(struct rpc *r, int code, const char *text)
{
	rpc_complain(r, code, text);
	r->is_closing = true;
	run_drop_all(r);
	conn_deadline(r->conn, 0);
	conn_finish(r->conn);
}

static void
lost(struct rpc *r, int err)
{
	char text[160];

	if (err == ERR_TOO_BIG)
		(void)snprintf(text, sizeof(text),
		    "nested deeper than %u; the rest of the line is ignored",
		    RPC_DEPTH);
	else
		(void)snprintf(text, sizeof(text),
		    "parse error: here no JSON value can begin or go on; the "
		    "rest of the line is ignored");
	rpc_complain(r,
	    err == ERR_TOO_BIG ? error_row(err)->rpc : RPC_PARSE_ERROR, text);
}

/* Drops n bytes that are done with. */
static void
consume(struct rpc *r, size_t n)
{
	buf_consume(conn_in(r->conn), n);
	r->scanned = 0;
	r->whole = 0;
}

/* No message has begun. */
static bool
is_between(const struct rpc *r)
{
	return r->scanned == 0 && !r->is_skipping;
}

/* Drops what was scanned of a message that is not kept. */
static void
skip(struct rpc *r, int err)
{
	r->is_skipping = err == ERR_AGAIN && !json_frame_idle(&r->frame);
	consume(r, r->scanned);
	if (!r->is_skipping)
		conn_deadline(r->conn, 0);
}

/* Looks for the end of the message in front. True when it is there. */
static bool
frame_next(struct rpc *r)
{
	struct buf *in = conn_in(r->conn);
	size_t used;
	int err;

	while (r->whole == 0 && r->scanned < buf_len(in)) {
		err = json_frame_scan(&r->frame,
		    (const char *)buf_data(in) + r->scanned,
		    buf_len(in) - r->scanned, &used);
		r->scanned += used;
		if (err != 0 && err != ERR_AGAIN)
			lost(r, err);
		if (r->is_skipping)
			skip(r, err);
		else if (err == 0)
			r->whole = (size_t)json_frame_size(&r->frame);
		else if (err != ERR_AGAIN || json_frame_idle(&r->frame))
			consume(r, r->scanned);
	}
	return r->whole > 0;
}

/* An unfinished message has to be finished in time, and within the ceiling. */
static void
limit_rest(struct rpc *r)
{
	const struct front_config *config = &r->front->config;
	size_t n = (size_t)json_frame_size(&r->frame);
	char text[96];

	if (n > config->body_max) {
		(void)snprintf(text, sizeof(text),
		    "a message of over %u bytes, the limit; closing",
		    config->body_max);
		give_up(r, error_row(ERR_TOO_BIG)->rpc, text);
	} else if (is_between(r)) {
		conn_deadline(r->conn, 0);
	}
}

struct buf *
rpc_out(struct rpc *r)
{
	return r->line != NULL ? &r->held : conn_out(r->conn);
}

/* A client that does not read its replies is not asked for more requests. Who
 * is being sent a line of any length can hardly keep up, and may want to abort
 * it. */
void
rpc_update_pause(struct rpc *r)
{
	bool is_full = r->line != NULL ? buf_len(&r->held) > HELD_HIGH
				       : conn_is_slow(r->conn);

	conn_pause(r->conn, r->is_waiting || is_full);
}

/* Handles the message in front. False: no more for now. */
static bool
take_message(struct rpc *r)
{
	limit_rest(r);
	if (r->is_closing)
		return false;
	if (!message_handle(r)) {
		r->is_waiting = true;
		conn_deadline(r->conn, 0);
		rpc_update_pause(r);
		return false;
	}
	consume(r, r->scanned);
	if (r->line != NULL)
		rpc_update_pause(r);
	return true;
}

static void
on_input(void *arg)
{
	struct rpc *r = arg;
	bool was_skipping = r->is_skipping;
	bool is_new = is_between(r); /* what is unfinished began just now */

	while (!r->is_closing && !r->is_waiting && frame_next(r)) {
		if (!take_message(r))
			return;
		is_new = true;
	}
	if (r->is_closing || r->is_waiting)
		return;
	is_new |= was_skipping && !r->is_skipping;
	limit_rest(r);
	if (is_new && r->scanned > 0)
		conn_deadline(r->conn, r->front->config.request_ms);
	if (r->scanned == 0)
		conn_rest(r->conn);
	rpc_settled(r);
}

void
rpc_settled(struct rpc *r)
{
	if (r->is_closing)
		return;
	if (r->is_waiting && r->change == NULL) {
		r->is_waiting = false;
		rpc_update_pause(r);
		return;
	}
	/* What waited is still to be handled. */
	if (r->n_runs > 0 || r->change != NULL || r->is_waiting || r->whole > 0)
		return;
	if (conn_is_eof(r->conn) || r->front->is_draining) {
		r->is_closing = true;
		conn_finish(r->conn);
	}
}

static void
on_eof(void *arg)
{
	struct rpc *r = arg;

	if (r->is_closing)
		return;
	if (r->is_skipping) {
		r->is_skipping = false;
	} else if (json_frame_finish(&r->frame)) {
		/* A number or literal: no request, so it cannot wait. */
		r->whole = (size_t)json_frame_size(&r->frame);
		if (message_handle(r))
			consume(r, r->scanned);
	} else if (r->scanned > 0) {
		rpc_complain(r, RPC_PARSE_ERROR,
		    "parse error: the connection ended in a message");
	}
	conn_deadline(r->conn, 0);
	rpc_settled(r);
}

static void
on_slow(void *arg, bool is_slow)
{
	struct rpc *r = arg;

	(void)is_slow;
	if (!is_slow)
		rows_drained(r);
	run_park_some(r);
	rpc_update_pause(r);
}

static void
on_deadline(void *arg)
{
	struct rpc *r = arg;
	char text[96];

	(void)snprintf(text, sizeof(text),
	    "a message was not finished within %u ms; closing",
	    r->front->config.request_ms);
	give_up(r, error_row(ERR_TIMEOUT)->rpc, text);
}

static void
on_drain(void *arg)
{
	struct rpc *r = arg;

	load_stop(r);
	rpc_settled(r);
}

/* One that is whole and waits keeps what it has. */
static void
on_full(void *arg, const struct fail *why)
{
	struct rpc *r = arg;

	if (r->is_closing || r->whole > 0 || r->scanned == 0)
		return;
	r->front->metrics.refused_input_total++;
	rpc_complain_of(r, why);
	r->is_skipping = true;
	consume(r, r->scanned);
}

static void
on_closed(void *arg, int err)
{
	struct rpc *r = arg;

	log_debug("rpc: client gone: %s", err_text(err));
	run_drop_all(r);
	rows_drained(r);
	load_drop(r);
	setup_forget(r);
	batch_free(r->batch);
	buf_done(&r->held);
	free(r->warned);
	free(r);
}

int
rpc_accept(struct front *f, int fd, uint32_t uid)
{
	static const struct conn_ops ops = {
		.input = on_input,
		.eof = on_eof,
		.slow = on_slow,
		.deadline = on_deadline,
		.closed = on_closed,
		.drain = on_drain,
		.full = on_full,
	};
	struct rpc *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		(void)close(fd);
		return ERR_NOMEM;
	}
	r->front = f;
	r->param = param_defaults;
	list_init(&r->runs);
	list_init(&r->adapters);
	style_init(&r->style);
	cross_init(&r->cross);
	buf_init(&r->nowhere, 0);
	buf_init(&r->held, (size_t)f->config.out_high * HELD_FACTOR);
	json_frame_init(&r->frame, RPC_DEPTH);
	r->conn = conn_new(f, fd, uid, &ops, r);
	if (r->conn == NULL) {
		free(r);
		return ERR_NOMEM;
	}
	return 0;
}

struct str
rpc_refusal(void)
{
	return STR(
	    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32002,"
	    "\"message\":\"too many clients; try again later\","
	    "\"data\":{\"retry_after_ms\":1000}}}\n");
}
