/*
 * OpenAI's answers: completions and chat, with llama-server's timings.
 */
#include "front/http/answer.h"

#include "front/http/ask.h"
#include "front/http/chunk.h"
#include "front/http/probs.h"
#include "wire/msg.h"

static struct chunk_form
form_of(const struct answer *a)
{
	return (struct chunk_form){ a->dialect->id == DIALECT_OPENAI_CHAT,
		buf_str(&a->head) };
}

static void
init(struct answer *a, const struct ask *q, const struct answer_names *names)
{
	chunk_init(&a->head, q->form->is_chat, q->is_stream, names);
}

static const char *
reason_of(const struct choice *c)
{
	if (c->reason == REASON_LENGTH)
		return "length";
	return c->has_calls ? "tool_calls" : "stop";
}

static void
say_start(struct answer *a, struct choice *c, struct buf *out)
{
	struct chunk_form f = form_of(a);

	if (f.is_chat)
		chunk_role(&f, out, c->index);
}

static void
say_text(struct answer *a, struct choice *c, struct buf *out, struct str text,
    struct str probs)
{
	struct chunk_form f = form_of(a);

	chunk_text(&f, out, c->index, text, probs);
}

static void
say_part(struct answer *a, struct choice *c, struct buf *out,
    const struct part *p, struct str probs)
{
	struct chunk_form f = form_of(a);

	chunk_part(&f, out, c->index, p, probs);
}

static void
say_finish(struct answer *a, struct choice *c, struct buf *out)
{
	struct chunk_form f = form_of(a);

	chunk_finish(&f, out, c->index, reason_of(c),
	    a->n_choices == 1 ? &c->times : NULL);
}

static void
say_end(struct answer *a, struct buf *out)
{
	struct answer_counts counts = answer_count(a);
	struct chunk_form f = form_of(a);

	if (a->wants_usage) {
		chunk_usage(&f, out, &counts);
		emit_next(a);
	}
	buf_puts(out, "data: [DONE]\n\n");
}

static void
put_choice(const struct answer *a, struct buf *body, const struct choice *c)
{
	const struct chunk_said said = { .text = buf_str(&c->text),
		.reasoning = buf_str(&c->reasoning),
		.calls = &c->calls };
	struct chunk_form f = form_of(a);
	struct buf probs;

	buf_init(&probs, body->max);
	if (buf_len(&c->probs) > 0)
		a->dialect->probs(&probs, buf_str(&c->probs));
	chunk_whole(&f, body, c->index, &said, buf_str(&probs), reason_of(c));
	if (buf_err(&probs) != 0)
		body->err = buf_err(&probs);
	buf_done(&probs);
}

static void
say_whole(struct answer *a, struct buf *out)
{
	struct answer_counts counts = answer_count(a);
	struct chunk_form f = form_of(a);

	chunk_open(&f, out);
	for (uint32_t i = 0; i < a->n_choices; i++)
		put_choice(a, out, &a->choices[i]);
	chunk_close(
	    out, &counts, a->n_choices == 1 ? &a->choices[0].times : NULL);
}

#define OPENAI(which, what, start_of_id, put_probs)                          \
	{                                                                    \
		.id = which, .ask = what, .errors = ERRORS_OPENAI,           \
		.id_start = start_of_id, .stream_type = "text/event-stream", \
		.init = init, .start = say_start, .text = say_text,          \
		.part = say_part, .finish = say_finish, .end = say_end,      \
		.tick = dialect_tick, .error = dialect_error,                \
		.whole = say_whole, .probs = put_probs,                      \
	}

const struct dialect dialect_openai_completion =
    OPENAI(DIALECT_OPENAI_COMPLETION, &ask_openai_completion, "cmpl-",
	probs_put_completion);

const struct dialect dialect_openai_chat =
    OPENAI(DIALECT_OPENAI_CHAT, &ask_openai_chat, "chatcmpl-", probs_put_chat);
