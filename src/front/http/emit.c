/*
 * What an answer sends: the events of its stream, or all of it in one piece,
 * as its dialect writes them.
 */
#include "front/http/answer.h"

#include "front/front.h"
#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/reply.h"

#define BODY_MAX (48u << 20) /* JSON of an answer in one piece */

void
emit_open(struct answer *a)
{
	if (!a->is_open)
		reply_stream(a->http, a->dialect->stream_type);
	a->is_open = true;
}

/* The logprobs that wait, as JSON in room; afterwards none do. */
static struct str
take_probs(const struct answer *a, struct choice *c, struct buf *room)
{
	buf_init(room, BODY_MAX);
	room->err = buf_err(&c->probs);
	if (buf_len(&c->probs) > 0)
		a->dialect->probs(room, buf_str(&c->probs));
	buf_reset(&c->probs);
	return buf_str(room);
}

/* Where a part of it found no memory the connection ends: what lacks its
 * logprobs is not to be taken for the whole. */
static void
end_event(struct answer *a, struct buf *probs)
{
	if (buf_err(probs) != 0)
		http_out(a->http)->err = buf_err(probs);
	buf_done(probs);
	reply_event_end(a->http, a->mark);
}

void
emit_part(struct answer *a, struct choice *c, const struct part *p)
{
	struct buf probs;

	a->has_spoken = true;
	a->mark = reply_event_begin(a->http);
	a->dialect->part(a, c, http_out(a->http), p, take_probs(a, c, &probs));
	end_event(a, &probs);
}

void
emit_text(struct answer *a, struct choice *c, struct str text)
{
	struct buf probs;

	a->has_spoken = true;
	a->mark = reply_event_begin(a->http);
	a->dialect->text(
	    a, c, http_out(a->http), text, take_probs(a, c, &probs));
	end_event(a, &probs);
}

void
emit_start(struct answer *a, struct choice *c)
{
	a->mark = reply_event_begin(a->http);
	a->dialect->start(a, c, http_out(a->http));
	reply_event_end(a->http, a->mark);
}

void
emit_progress(struct answer *a, struct choice *c, uint32_t n_done)
{
	a->mark = reply_event_begin(a->http);
	a->has_spoken = true;
	a->dialect->progress(a, c, http_out(a->http), n_done);
	reply_event_end(a->http, a->mark);
}

void
emit_finish(struct answer *a, struct choice *c)
{
	a->mark = reply_event_begin(a->http);
	a->dialect->finish(a, c, http_out(a->http));
	reply_event_end(a->http, a->mark);
}

void
emit_next(struct answer *a)
{
	reply_event_end(a->http, a->mark);
	a->mark = reply_event_begin(a->http);
}

void
dialect_tick(struct answer *a, struct buf *out)
{
	(void)a;
	buf_puts(out, ": keep-alive\n\n");
}

void
dialect_error(struct answer *a, struct buf *out, const struct fail *why)
{
	buf_puts(out, "data: ");
	error_put(out, a->dialect->errors, why);
	buf_puts(out, "\n\n");
}

void
emit_tick(struct answer *a)
{
	a->mark = reply_event_begin(a->http);
	a->dialect->tick(a, http_out(a->http));
	reply_event_end(a->http, a->mark);
}

void
emit_error(struct answer *a, const struct fail *why)
{
	a->mark = reply_event_begin(a->http);
	http_front(a->http)->metrics.http_errors_total++;
	a->dialect->error(a, http_out(a->http), why);
	reply_event_end(a->http, a->mark);
}

void
emit_stream_end(struct answer *a)
{
	struct http *h = a->http;

	a->mark = reply_event_begin(h);
	if (a->dialect->end != NULL)
		a->dialect->end(a, http_out(h));
	reply_event_end(h, a->mark);
	answer_free(a);
	reply_stream_end(h);
}

void
emit_too_big(struct answer *a)
{
	struct fail why;

	if (a->is_stream)
		(void)fail_set(&why, ERR_INTERNAL, NULL,
		    "the answer is too large to be said again in its last "
		    "event; ask for fewer tokens");
	else
		(void)fail_set(&why, ERR_INTERNAL, NULL,
		    "the answer is too large to be sent in one piece; ask for "
		    "fewer tokens or choices, or for a stream");
	answer_fail(a, &why);
}

void
emit_whole(struct answer *a)
{
	struct http *h = a->http;
	struct buf body;

	buf_init(&body, BODY_MAX);
	a->dialect->whole(a, &body);
	if (buf_err(&body) != 0) {
		emit_too_big(a);
	} else {
		answer_free(a);
		reply_json(h, buf_str(&body));
	}
	buf_done(&body);
}
