/*
 * What an answer writes: the events of its stream, or all of it in one piece.
 */
#include "front/http/answer.h"

#include "front/front.h"
#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/probs.h"
#include "front/http/reply.h"

#define BODY_MAX (48u << 20) /* JSON of an answer in one piece */

void
emit_open(struct answer *a)
{
	if (!a->is_open)
		reply_stream(a->http);
	a->is_open = true;
}

static void
put_probs(const struct answer *a, struct buf *out, const struct choice *c)
{
	if (buf_len(&c->probs) == 0)
		return;
	if (a->form.is_chat)
		probs_put_chat(out, buf_str(&c->probs));
	else
		probs_put_completion(out, buf_str(&c->probs));
}

/* The logprobs that wait, as JSON in room; afterwards none do. */
static struct str
take_probs(const struct answer *a, struct choice *c, struct buf *room)
{
	buf_init(room, BODY_MAX);
	room->err = buf_err(&c->probs);
	put_probs(a, room, c);
	buf_reset(&c->probs);
	return buf_str(room);
}

/* Where a part of it found no memory the connection ends: what lacks its
 * logprobs is not to be taken for the whole. */
static void
end_event(struct answer *a, size_t mark, struct buf *probs)
{
	if (buf_err(probs) != 0)
		http_out(a->http)->err = buf_err(probs);
	buf_done(probs);
	reply_event_end(a->http, mark);
}

void
emit_part(struct answer *a, struct choice *c, const struct part *p)
{
	size_t mark = reply_event_begin(a->http);
	struct buf probs;

	a->has_spoken = true;
	chunk_part(
	    &a->form, http_out(a->http), c->index, p, take_probs(a, c, &probs));
	end_event(a, mark, &probs);
}

void
emit_text(struct answer *a, struct choice *c, struct str text)
{
	size_t mark = reply_event_begin(a->http);
	struct buf probs;

	a->has_spoken = true;
	chunk_text(&a->form, http_out(a->http), c->index, text,
	    take_probs(a, c, &probs));
	end_event(a, mark, &probs);
}

void
emit_role(struct answer *a, const struct choice *c)
{
	size_t mark = reply_event_begin(a->http);

	chunk_role(&a->form, http_out(a->http), c->index);
	reply_event_end(a->http, mark);
}

void
emit_finish(struct answer *a, const struct choice *c)
{
	size_t mark = reply_event_begin(a->http);

	chunk_finish(&a->form, http_out(a->http), c->index, c->reason,
	    a->n_choices == 1 ? &c->times : NULL);
	reply_event_end(a->http, mark);
}

void
emit_line(struct answer *a, const char *line)
{
	size_t mark = reply_event_begin(a->http);

	buf_puts(http_out(a->http), line);
	reply_event_end(a->http, mark);
}

void
emit_error(struct answer *a, const struct fail *why)
{
	size_t mark = reply_event_begin(a->http);
	struct buf *out = http_out(a->http);

	http_front(a->http)->metrics.http_errors_total++;
	buf_puts(out, "data: ");
	error_put(out, why);
	buf_puts(out, "\n\n");
	reply_event_end(a->http, mark);
}

/* A prompt that several choices share is counted once. */
static struct chunk_counts
count(const struct answer *a)
{
	struct chunk_counts sum = { 0 };

	for (uint32_t i = 0; i < a->n_choices; i++) {
		if (i % a->n == 0)
			sum.prompt += a->choices[i].times.n_prompt;
		sum.output += a->choices[i].times.n_out;
	}
	return sum;
}

void
emit_stream_end(struct answer *a)
{
	struct chunk_counts counts = count(a);
	struct http *h = a->http;
	size_t mark;

	if (a->wants_usage) {
		mark = reply_event_begin(h);
		chunk_usage(&a->form, http_out(h), &counts);
		reply_event_end(h, mark);
	}
	emit_line(a, "data: [DONE]\n\n");
	answer_free(a);
	reply_stream_end(h);
}

static void
put_choice(const struct answer *a, struct buf *body, const struct choice *c)
{
	const struct chunk_said said = { .text = buf_str(&c->text),
		.reasoning = buf_str(&c->reasoning),
		.calls = buf_str(&c->calls) };
	struct buf probs;

	buf_init(&probs, BODY_MAX);
	put_probs(a, &probs, c);
	chunk_whole(
	    &a->form, body, c->index, &said, buf_str(&probs), c->reason);
	if (buf_err(&probs) != 0)
		body->err = buf_err(&probs);
	buf_done(&probs);
}

void
emit_too_big(struct answer *a)
{
	struct fail why;

	(void)fail_set(&why, ERR_INTERNAL, NULL,
	    "the answer is too large to be sent in one piece; ask for fewer "
	    "tokens or choices, or for a stream");
	answer_fail(a, &why);
}

void
emit_whole(struct answer *a)
{
	struct chunk_counts counts = count(a);
	struct http *h = a->http;
	struct buf body;

	buf_init(&body, BODY_MAX);
	chunk_open(&a->form, &body);
	for (uint32_t i = 0; i < a->n_choices; i++)
		put_choice(a, &body, &a->choices[i]);
	chunk_close(
	    &body, &counts, a->n_choices == 1 ? &a->choices[0].times : NULL);
	if (buf_err(&body) != 0) {
		emit_too_big(a);
	} else {
		answer_free(a);
		reply_json(h, buf_str(&body));
	}
	buf_done(&body);
}
