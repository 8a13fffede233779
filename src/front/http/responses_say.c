/*
 * OpenAI's responses: items of reasoning, of text and calls. In a stream an
 * item begins when something of its kind comes and ends when something else
 * does. Its end says all of it once more, and so does the last event; so a
 * stream keeps its text, and that is bounded (dialect.h, keeps_text): an item's
 * own in the choice's buffers, the items that are done in c->kept.
 */
#include "front/http/answer.h"

#include "front/http/ask.h"
#include "front/http/responses.h"
#include "wire/msg.h"

#include <string.h>

/*
 * Events. Each has a number.
 */

static struct json_out
begin_event(struct choice *c, struct buf *out, const char *type)
{
	struct json_out o = json_out(out);

	buf_puts(out, "event: ");
	buf_puts(out, type);
	buf_puts(out, "\ndata: ");
	json_open(&o, '{');
	json_key_cstr(&o, "type", type);
	json_key_u64(&o, "sequence_number", c->n_events++);
	return o;
}

static void
end_event(struct choice *c, struct json_out *o)
{
	json_close(o, '}');
	buf_puts(o->b, "\n\n");
	emit_next(c->answer);
}

/* An event about the item that is open. */
static struct json_out
begin_item_event(struct choice *c, struct buf *out, const char *type)
{
	struct json_out o = begin_event(c, out, type);

	json_key(&o, "item_id");
	response_put_item_id(&o, c, (enum response_item)c->open);
	json_key_u64(&o, "output_index", c->n_blocks);
	if (c->open != RESPONSE_CALL)
		json_key_u64(&o, "content_index", 0);
	return o;
}

static void
put_lifecycle(struct answer *a, struct choice *c, struct buf *out,
    const char *type, const char *status)
{
	struct json_out o = begin_event(c, out, type);

	json_key(&o, "response");
	response_put(&o, a, status, buf_str(&c->kept), NULL);
	end_event(c, &o);
}

/*
 * Items
 */

static void
put_item_event(
    struct choice *c, struct buf *out, const char *type, bool is_over)
{
	struct json_out o = begin_event(c, out, type);

	json_key_u64(&o, "output_index", c->n_blocks);
	json_key(&o, "item");
	response_put_item(&o, c, (enum response_item)c->open, is_over);
	end_event(c, &o);
}

static void
put_part_event(struct choice *c, struct buf *out, const char *type)
{
	struct json_out o = begin_item_event(c, out, type);

	json_key(&o, "part");
	response_put_part(&o, c, (enum response_item)c->open);
	end_event(c, &o);
}

/* "text" or "arguments": all of what is open. */
static void
put_done_event(struct choice *c, struct buf *out)
{
	static const char *const types[] = {
		[RESPONSE_REASONING] = "response.reasoning_text.done",
		[RESPONSE_MESSAGE] = "response.output_text.done",
		[RESPONSE_CALL] = "response.function_call_arguments.done",
	};
	struct json_out o = begin_item_event(c, out, types[c->open]);
	struct call call;

	if (c->open == RESPONSE_CALL) {
		call = response_call(c);
		json_key_str(&o, "name", call.name);
		json_key_str(&o, "arguments", call.arguments);
	} else {
		json_key_str(&o, "text",
		    buf_str(c->open == RESPONSE_MESSAGE ? &c->text
							: &c->reasoning));
	}
	if (c->open == RESPONSE_MESSAGE)
		json_key_raw(&o, "logprobs", STR("[]"));
	end_event(c, &o);
}

/* What is open ends, and is kept as one of the items. */
static void
close_item(struct choice *c, struct buf *out)
{
	struct json_out kept = json_out(&c->kept);

	if (c->open == RESPONSE_NOTHING)
		return;
	put_done_event(c, out);
	if (c->open != RESPONSE_CALL)
		put_part_event(c, out, "response.content_part.done");
	put_item_event(c, out, "response.output_item.done", true);
	kept.comma = buf_len(&c->kept) > 0;
	json_item(&kept);
	response_put_item(&kept, c, (enum response_item)c->open, true);
	buf_reset(&c->text);
	buf_reset(&c->reasoning);
	calls_reset(&c->calls);
	c->open = RESPONSE_NOTHING;
	c->n_blocks++;
}

static void
open_item(struct choice *c, struct buf *out, enum response_item kind)
{
	if (c->open == (uint32_t)kind && kind != RESPONSE_CALL)
		return;
	close_item(c, out);
	c->open = kind;
	put_item_event(c, out, "response.output_item.added", false);
	if (kind != RESPONSE_CALL)
		put_part_event(c, out, "response.content_part.added");
}

static void
put_delta(struct choice *c, struct buf *out, struct str text)
{
	static const char *const types[] = {
		[RESPONSE_REASONING] = "response.reasoning_text.delta",
		[RESPONSE_MESSAGE] = "response.output_text.delta",
		[RESPONSE_CALL] = "response.function_call_arguments.delta",
	};
	struct json_out o = begin_item_event(c, out, types[c->open]);

	json_key_str(&o, "delta", text);
	if (c->open == RESPONSE_MESSAGE)
		json_key_raw(&o, "logprobs", STR("[]"));
	end_event(c, &o);
}

/*
 * The dialect
 */

static void
say_start(struct answer *a, struct choice *c, struct buf *out)
{
	put_lifecycle(a, c, out, "response.created", "in_progress");
	put_lifecycle(a, c, out, "response.in_progress", "in_progress");
}

static void
say_text(struct answer *a, struct choice *c, struct buf *out, struct str text,
    struct str probs)
{
	(void)a;
	(void)probs;
	if (text.n == 0)
		return;
	open_item(c, out, RESPONSE_MESSAGE);
	buf_put_str(&c->text, text);
	put_delta(c, out, text);
}

static void
say_reasoning(struct choice *c, struct buf *out, struct str text)
{
	open_item(c, out, RESPONSE_REASONING);
	buf_put_str(&c->reasoning, text);
	put_delta(c, out, text);
}

static void
say_call(struct choice *c, struct buf *out, const struct part *p)
{
	if (p->kind == PART_CALL) {
		close_item(c, out);
		calls_add(&c->calls, p);
		open_item(c, out, RESPONSE_CALL);
	} else if (c->open == RESPONSE_CALL) {
		calls_add(&c->calls, p);
		put_delta(c, out, p->text);
	}
}

static void
say_part(struct answer *a, struct choice *c, struct buf *out,
    const struct part *p, struct str probs)
{
	if (p->kind == PART_CONTENT)
		say_text(a, c, out, p->text, probs);
	else if (p->kind == PART_REASONING)
		say_reasoning(c, out, p->text);
	else
		say_call(c, out, p);
}

static void
say_finish(struct answer *a, struct choice *c, struct buf *out)
{
	const char *status = response_status(c);
	struct json_out o;

	close_item(c, out);
	o = begin_event(c, out,
	    c->reason == REASON_LENGTH ? "response.incomplete"
				       : "response.completed");
	json_key(&o, "response");
	response_put(&o, a, status, buf_str(&c->kept), NULL);
	end_event(c, &o);
	if (buf_err(&c->kept) != 0)
		out->err = buf_err(&c->kept); /* what lacks an item is no end */
}

/* Clients know of a response only what began with its first event. */
static void
say_error(struct answer *a, struct buf *out, const struct fail *why)
{
	struct choice *c = &a->choices[0];
	struct json_out o;

	if (c->n_events == 0) {
		o = begin_event(c, out, "error");
		json_key_cstr(&o, "code", response_error_code(why));
		json_key_cstr(&o, "message", why->text);
		json_key_cstr(
		    &o, "param", why->field[0] != '\0' ? why->field : NULL);
	} else {
		o = begin_event(c, out, "response.failed");
		json_key(&o, "response");
		response_put(&o, a, "failed", buf_str(&c->kept), why);
	}
	end_event(c, &o);
}

const struct dialect dialect_responses = {
	.id = DIALECT_RESPONSES,
	.ask = &ask_responses,
	.errors = ERRORS_OPENAI,
	.id_start = "resp_",
	.stream_type = "text/event-stream",
	.keeps_text = true,
	.init = response_init,
	.start = say_start,
	.text = say_text,
	.part = say_part,
	.finish = say_finish,
	.tick = dialect_tick,
	.error = say_error,
	.whole = response_put_whole,
};
