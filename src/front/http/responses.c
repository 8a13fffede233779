#include "front/http/responses.h"

#include "front/errors.h"
#include "front/http/ask.h"
#include "wire/msg.h"

#include <string.h>

static void
put_text_format(struct json_out *o, const struct ask *q)
{
	json_key(o, "text");
	json_open(o, '{');
	json_key(o, "format");
	if (q->raw.format != NULL)
		json_put_value(o->b, q->raw.format);
	else
		buf_puts(o->b, "{\"type\":\"text\"}");
	json_close(o, '}');
}

static void
put_reasoning(struct json_out *o, const struct ask *q)
{
	json_key(o, "reasoning");
	json_open(o, '{');
	json_key_text(o, "effort", q->effort);
	json_key_null(o, "summary");
	json_close(o, '}');
}

static void
put_tools(struct json_out *o, const struct ask *q)
{
	static const char *const words[TOOLS_NCHOICES] = {
		[TOOLS_AUTO] = "auto",
		[TOOLS_REQUIRED] = "required",
		[TOOLS_NONE] = "none",
	};

	json_key(o, "tool_choice");
	if (q->only_tool.n > 0) {
		json_open(o, '{');
		json_key_cstr(o, "type", "function");
		json_key_str(o, "name", q->only_tool);
		json_close(o, '}');
	} else {
		json_put_cstr(o->b, words[q->gen.tool_choice]);
	}
	json_key(o, "tools");
	if (q->raw.tools != NULL)
		json_put_value(o->b, q->raw.tools);
	else
		buf_puts(o->b, "[]");
	json_key_bool(
	    o, "parallel_tool_calls", q->gen.parallel_calls != PARALLEL_NO);
}

void
response_init(
    struct answer *a, const struct ask *q, const struct answer_names *names)
{
	struct json_out o = json_out(&a->head);

	json_key_str(&o, "id", names->id);
	json_key_cstr(&o, "object", "response");
	json_key_i64(&o, "created_at", names->created);
	json_key_str(&o, "model", names->model);
	json_key_bool(&o, "background", false);
	json_key_text(&o, "instructions", q->instructions);
	json_key(&o, "max_output_tokens");
	if (q->max_tokens > 0)
		json_put_i64(o.b, q->max_tokens);
	else
		json_put_cstr(o.b, NULL);
	json_key_null(&o, "previous_response_id");
	json_key_bool(&o, "store", false);
	json_key_f32(&o, "temperature", q->gen.temperature);
	json_key_f32(&o, "top_p", q->gen.top_p);
	json_key_cstr(&o, "truncation", "disabled");
	json_key_raw(&o, "metadata", STR("{}"));
	put_reasoning(&o, q);
	put_text_format(&o, q);
	put_tools(&o, q);
}

const char *
response_status(const struct choice *c)
{
	return c->reason == REASON_LENGTH ? "incomplete" : "completed";
}

const char *
response_error_code(const struct fail *why)
{
	const char *code = error_row(why->code)->code;

	return code != NULL ? code : "server_error";
}

static void
put_error(struct json_out *o, const struct fail *why)
{
	json_key(o, "error");
	if (why == NULL) {
		json_put_cstr(o->b, NULL);
		return;
	}
	json_open(o, '{');
	json_key_cstr(o, "code", response_error_code(why));
	json_key_cstr(o, "message", why->text);
	if (why->crash[0] != '\0')
		json_key_cstr(o, "crash_id", why->crash);
	json_close(o, '}');
}

static void
put_usage(struct json_out *o, const struct answer *a)
{
	struct answer_counts n = answer_count(a);

	json_open(o, '{');
	json_key_u64(o, "input_tokens", n.prompt);
	json_key(o, "input_tokens_details");
	json_open(o, '{');
	json_key_u64(o, "cached_tokens", n.cached);
	json_close(o, '}');
	json_key_u64(o, "output_tokens", n.output);
	json_key_raw(
	    o, "output_tokens_details", STR("{\"reasoning_tokens\":0}"));
	json_key_u64(o, "total_tokens", n.prompt + n.output);
	json_close(o, '}');
}

void
response_put(struct json_out *o, const struct answer *a, const char *status,
    struct str items, const struct fail *why)
{
	bool is_begun = strcmp(status, "in_progress") == 0;

	json_open(o, '{');
	buf_put_str(o->b, buf_str(&a->head));
	o->comma = true;
	json_key_cstr(o, "status", status);
	put_error(o, why);
	json_key_raw(o, "incomplete_details",
	    strcmp(status, "incomplete") == 0
		? STR("{\"reason\":\"max_output_tokens\"}")
		: STR("null"));
	json_key(o, "output");
	buf_puts(o->b, "[");
	buf_put_str(o->b, items);
	buf_puts(o->b, "]");
	json_key(o, "usage");
	if (is_begun || why != NULL)
		json_put_cstr(o->b, NULL);
	else
		put_usage(o, a);
	json_close(o, '}');
}

/*
 * Items
 */

struct call
response_call(const struct choice *c)
{
	struct cursor at = calls_walk(&c->calls);
	struct call call = { STR(""), STR(""), STR("") };

	at.p += c->calls.last;
	(void)calls_next(&at, &call);
	return call;
}

/* The answer's own digits, and which it is: a resume says the same. */
void
response_put_item_id(
    struct json_out *o, const struct choice *c, enum response_item kind)
{
	static const char *const starts[] = {
		[RESPONSE_REASONING] = "rs_",
		[RESPONSE_MESSAGE] = "msg_",
		[RESPONSE_CALL] = "fc_",
	};

	buf_puts(o->b, "\"");
	buf_puts(o->b, starts[kind]);
	buf_puts(o->b, strchr(c->answer->id, '_') + 1);
	buf_printf(o->b, "_%u\"", c->n_blocks);
	o->comma = true;
}

void
response_put_part(
    struct json_out *o, const struct choice *c, enum response_item kind)
{
	bool is_message = kind == RESPONSE_MESSAGE;

	json_open(o, '{');
	json_key_cstr(o, "type", is_message ? "output_text" : "reasoning_text");
	json_key_str(o, "text", buf_str(is_message ? &c->text : &c->reasoning));
	if (is_message) {
		json_key_raw(o, "annotations", STR("[]"));
		json_key_raw(o, "logprobs", STR("[]"));
	}
	json_close(o, '}');
}

static void
put_call(struct json_out *o, const struct call *call)
{
	json_key(o, "call_id");
	buf_puts(o->b, "\"call_");
	json_put_escaped(o->b, call->id);
	buf_puts(o->b, "\"");
	json_key_str(o, "name", call->name);
	json_key_str(o, "arguments", call->arguments);
}

static void
put_item(struct json_out *o, const struct choice *c, enum response_item kind,
    const char *status, const struct call *call)
{
	static const char *const types[] = {
		[RESPONSE_REASONING] = "reasoning",
		[RESPONSE_MESSAGE] = "message",
		[RESPONSE_CALL] = "function_call",
	};

	json_open(o, '{');
	json_key(o, "id");
	response_put_item_id(o, c, kind);
	json_key_cstr(o, "type", types[kind]);
	json_key_cstr(o, "status", status);
	if (kind == RESPONSE_CALL) {
		put_call(o, call);
		json_close(o, '}');
		return;
	}
	if (kind == RESPONSE_MESSAGE)
		json_key_cstr(o, "role", "assistant");
	else
		json_key_raw(o, "summary", STR("[]"));
	json_key(o, "content");
	json_open(o, '[');
	if (strcmp(status, "in_progress") != 0) {
		json_item(o);
		response_put_part(o, c, kind);
	}
	json_close(o, ']');
	json_close(o, '}');
}

void
response_put_item(struct json_out *o, const struct choice *c,
    enum response_item kind, bool is_over)
{
	struct call call = response_call(c);

	put_item(o, c, kind,
	    !is_over		 ? "in_progress"
		: c->gen == NULL ? response_status(c)
				 : "completed",
	    &call);
}

/*
 * In one piece
 */

/* What the choice has gathered, as the items that a stream would have had. */
static void
put_items(struct choice *c, struct json_out *o)
{
	struct cursor at = calls_walk(&c->calls);
	const char *status = response_status(c);
	struct call call;

	if (buf_len(&c->reasoning) > 0) {
		json_item(o);
		put_item(o, c, RESPONSE_REASONING,
		    buf_len(&c->text) > 0 || c->has_calls ? "completed"
							  : status,
		    NULL);
		c->n_blocks++;
	}
	if (buf_len(&c->text) > 0) {
		json_item(o);
		put_item(o, c, RESPONSE_MESSAGE,
		    c->has_calls ? "completed" : status, NULL);
		c->n_blocks++;
	}
	while (calls_next(&at, &call)) {
		json_item(o);
		put_item(o, c, RESPONSE_CALL,
		    cursor_left(&at) > 0 ? "completed" : status, &call);
		c->n_blocks++;
	}
}

void
response_put_whole(struct answer *a, struct buf *out)
{
	struct choice *c = &a->choices[0];
	struct json_out o = json_out(out), kept;

	kept = json_out(&c->kept);
	put_items(c, &kept);
	response_put(&o, a, response_status(c), buf_str(&c->kept), NULL);
	if (buf_err(&c->kept) != 0)
		out->err = buf_err(&c->kept);
}
