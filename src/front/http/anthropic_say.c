/*
 * Anthropic's answers: a message of blocks. In a stream a block begins when
 * something of its kind comes and ends when something else does, so that each
 * has one index and they never mix.
 */
#include "front/http/answer.h"

#include "front/http/ask.h"
#include "json/read.h"
#include "wire/msg.h"

#define PUT(out, literal) buf_put(out, literal, sizeof(literal) - 1)

enum open { NOTHING, THINKING, TEXT, CALL };

/* "id":...,"type":...,"role":...,"model":... */
static void
init(struct answer *a, const struct ask *q, const struct answer_names *names)
{
	struct json_out o = json_out(&a->head);

	(void)q;
	json_key_str(&o, "id", names->id);
	json_key_cstr(&o, "type", "message");
	json_key_cstr(&o, "role", "assistant");
	json_key_str(&o, "model", names->model);
}

static bool
is_asked_stop(const struct answer *a, struct str stop)
{
	const struct strs asked = { buf_str(&a->stops) };
	struct cursor at = strs_walk(asked);
	struct str one;

	while (strs_next(&at, &one))
		if (str_eq(one, stop))
			return true;
	return false;
}

/* A stop string may be the template's own; then the model has ended its turn. */
static void
put_stop(const struct answer *a, const struct choice *c, struct json_out *o)
{
	struct str stop = buf_str(&c->stop);
	bool is_asked =
	    c->reason == REASON_STOP && stop.n > 0 && is_asked_stop(a, stop);
	const char *reason = c->reason == REASON_LENGTH ? "max_tokens"
	    : c->has_calls				? "tool_use"
	    : is_asked					? "stop_sequence"
							: "end_turn";

	json_key_cstr(o, "stop_reason", reason);
	json_key(o, "stop_sequence");
	if (is_asked)
		json_put_str(o->b, stop);
	else
		json_put_cstr(o->b, NULL);
}

static void
put_usage(const struct choice *c, struct json_out *o, uint32_t n_out)
{
	const struct choice_times *t = &c->times;

	json_key(o, "usage");
	json_open(o, '{');
	json_key_u64(o, "input_tokens",
	    t->n_prompt - (t->n_cached < t->n_prompt ? t->n_cached : 0));
	json_key_u64(o, "cache_creation_input_tokens", 0);
	json_key_u64(o, "cache_read_input_tokens", t->n_cached);
	json_key_u64(o, "output_tokens", n_out);
	json_close(o, '}');
}

/*
 * A stream
 */

static void
say_start(struct answer *a, struct choice *c, struct buf *out)
{
	struct json_out o = json_out(out);

	PUT(out,
	    "event: message_start\ndata: {\"type\":\"message_start\","
	    "\"message\":{");
	buf_put_str(out, buf_str(&a->head));
	PUT(out, ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null");
	o.comma = true;
	put_usage(c, &o, 0);
	PUT(out, "}}\n\n");
}

static void
close_block(struct choice *c, struct buf *out)
{
	if (c->open == NOTHING)
		return;
	if (c->open == THINKING)
		buf_printf(out,
		    "event: content_block_delta\ndata: {\"type\":"
		    "\"content_block_delta\",\"index\":%u,\"delta\":{\"type\":"
		    "\"signature_delta\",\"signature\":\"\"}}\n\n",
		    c->n_blocks);
	buf_printf(out,
	    "event: content_block_stop\ndata: {\"type\":"
	    "\"content_block_stop\",\"index\":%u}\n\n",
	    c->n_blocks);
	c->open = NOTHING;
	c->n_blocks++;
}

static void
begin_block(struct choice *c, struct buf *out, enum open kind)
{
	close_block(c, out);
	c->open = kind;
	buf_printf(out,
	    "event: content_block_start\ndata: {\"type\":"
	    "\"content_block_start\",\"index\":%u,\"content_block\":",
	    c->n_blocks);
}

static void
open_text(struct choice *c, struct buf *out, enum open kind)
{
	if (c->open == (uint32_t)kind)
		return;
	begin_block(c, out, kind);
	if (kind == THINKING)
		PUT(out,
		    "{\"type\":\"thinking\",\"thinking\":\"\","
		    "\"signature\":\"\"}}\n\n");
	else
		PUT(out, "{\"type\":\"text\",\"text\":\"\"}}\n\n");
}

static void
open_call(struct choice *c, struct buf *out, const struct part *p)
{
	struct json_out o = json_out(out);

	begin_block(c, out, CALL);
	json_open(&o, '{');
	json_key_cstr(&o, "type", "tool_use");
	json_key_str(&o, "id", p->id);
	json_key_str(&o, "name", p->name);
	PUT(out, ",\"input\":{}}}\n\n");
}

/* What stands around a piece of what is open. */
static const char *const deltas[] = {
	[THINKING] = "thinking_delta\",\"thinking\":\"",
	[TEXT] = "text_delta\",\"text\":\"",
	[CALL] = "input_json_delta\",\"partial_json\":\"",
};

static void
put_delta(struct choice *c, struct buf *out, struct str text)
{
	PUT(out,
	    "event: content_block_delta\ndata: {\"type\":"
	    "\"content_block_delta\",\"index\":");
	json_put_u64(out, c->n_blocks);
	PUT(out, ",\"delta\":{\"type\":\"");
	buf_puts(out, deltas[c->open]);
	json_put_escaped(out, text);
	PUT(out, "\"}}\n\n");
}

static void
say_text(struct answer *a, struct choice *c, struct buf *out, struct str text,
    struct str probs)
{
	(void)a;
	(void)probs;
	if (text.n == 0)
		return;
	open_text(c, out, TEXT);
	put_delta(c, out, text);
}

static void
say_part(struct answer *a, struct choice *c, struct buf *out,
    const struct part *p, struct str probs)
{
	(void)a;
	(void)probs;
	if (p->kind == PART_CALL)
		open_call(c, out, p);
	else if (p->kind != PART_ARGUMENTS)
		open_text(c, out, p->kind == PART_REASONING ? THINKING : TEXT);
	if (p->kind != PART_CALL && c->open != NOTHING)
		put_delta(c, out, p->text);
}

static void
say_finish(struct answer *a, struct choice *c, struct buf *out)
{
	struct json_out o = json_out(out);

	close_block(c, out);
	PUT(out,
	    "event: message_delta\ndata: {\"type\":\"message_delta\","
	    "\"delta\":{");
	put_stop(a, c, &o);
	PUT(out, "}");
	put_usage(c, &o, c->times.n_out);
	PUT(out, "}\n\n");
}

static void
say_end(struct answer *a, struct buf *out)
{
	(void)a;
	PUT(out, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

static void
say_tick(struct answer *a, struct buf *out)
{
	(void)a;
	PUT(out, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

static void
say_error(struct answer *a, struct buf *out, const struct fail *why)
{
	PUT(out, "event: error\ndata: ");
	error_put(out, a->dialect->errors, why);
	PUT(out, "\n\n");
}

/*
 * In one piece
 */

/* A call that the budget has cut is no JSON, and its input none. */
static void
put_input(struct buf *out, struct str arguments)
{
	struct json_doc *doc = NULL;

	if (json_parse(arguments.p, arguments.n, &json_limits_request, &doc,
		NULL) == 0 &&
	    json_type(json_root(doc)) == JSON_OBJECT)
		buf_put_str(out, arguments);
	else
		PUT(out, "{}");
	json_free(doc);
}

static void
put_calls(const struct choice *c, struct json_out *o)
{
	struct cursor at = calls_walk(&c->calls);
	struct call call;

	while (calls_next(&at, &call)) {
		json_item(o);
		json_open(o, '{');
		json_key_cstr(o, "type", "tool_use");
		json_key_str(o, "id", call.id);
		json_key_str(o, "name", call.name);
		json_key(o, "input");
		put_input(o->b, call.arguments);
		json_close(o, '}');
	}
}

static void
put_content(const struct choice *c, struct json_out *o)
{
	json_open(o, '[');
	if (buf_len(&c->reasoning) > 0) {
		json_item(o);
		json_open(o, '{');
		json_key_cstr(o, "type", "thinking");
		json_key_str(o, "thinking", buf_str(&c->reasoning));
		json_key_cstr(o, "signature", "");
		json_close(o, '}');
	}
	if (buf_len(&c->text) > 0) {
		json_item(o);
		json_open(o, '{');
		json_key_cstr(o, "type", "text");
		json_key_str(o, "text", buf_str(&c->text));
		json_close(o, '}');
	}
	put_calls(c, o);
	json_close(o, ']');
}

static void
say_whole(struct answer *a, struct buf *out)
{
	const struct choice *c = &a->choices[0];
	struct json_out o = json_out(out);

	json_open(&o, '{');
	buf_put_str(out, buf_str(&a->head));
	o.comma = true;
	json_key(&o, "content");
	put_content(c, &o);
	put_stop(a, c, &o);
	put_usage(c, &o, c->times.n_out);
	json_close(&o, '}');
}

const struct dialect dialect_anthropic = {
	.id = DIALECT_ANTHROPIC,
	.ask = &ask_anthropic,
	.errors = ERRORS_ANTHROPIC,
	.id_start = "msg_",
	.stream_type = "text/event-stream",
	.init = init,
	.start = say_start,
	.text = say_text,
	.part = say_part,
	.finish = say_finish,
	.end = say_end,
	.tick = say_tick,
	.error = say_error,
	.whole = say_whole,
};
