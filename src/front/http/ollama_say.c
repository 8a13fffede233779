/*
 * Ollama's answers: one JSON object a line, the last of which has done true
 * and says what it cost. A call of a tool is said when it is whole, so its
 * arguments can be an object. What a line begins with is formed once, but for
 * the time.
 */
#include "front/http/answer.h"

#include "base/clock.h"
#include "front/http/ask.h"
#include "front/http/http.h"
#include "front/http/ollama.h"
#include "front/http/ollama_ask.h"
#include "front/http/probs.h"
#include "json/read.h"
#include "wire/msg.h"

#define PUT(out, literal) buf_put(out, literal, sizeof(literal) - 1)

/* What the two endpoints call the same. */
struct words {
	const char *text;     /* up to a text, which is escaped */
	const char *thinking; /* the same */
	const char *end;      /* behind either */
	const char *last;     /* in the last line of a stream */
};

static const struct words words_chat = {
	.text = ",\"message\":{\"role\":\"assistant\",\"content\":\"",
	.thinking = ",\"message\":{\"role\":\"assistant\",\"content\":\"\","
		    "\"thinking\":\"",
	.end = "\"}",
	.last = ",\"message\":{\"role\":\"assistant\",\"content\":\"\"}",
};

static const struct words words_generate = {
	.text = ",\"response\":\"",
	.thinking = ",\"response\":\"\",\"thinking\":\"",
	.end = "\"",
	.last = ",\"response\":\"\"",
};

static bool
is_chat(const struct answer *a)
{
	return a->dialect->id == DIALECT_OLLAMA_CHAT;
}

static const struct words *
words_of(const struct answer *a)
{
	return is_chat(a) ? &words_chat : &words_generate;
}

/* Of what a choice has for its dialect, n_events is the model to be unloaded
 * behind it. */
static void
init(struct answer *a, const struct ask *q, const struct answer_names *names)
{
	(void)names;
	a->choices[0].n_events = ollama_leaves(a->http, q);
	PUT(&a->head, "{\"model\":");
	json_put_str(&a->head, q->model);
	PUT(&a->head, ",\"created_at\":");
}

static void
begin(const struct answer *a, struct buf *out)
{
	buf_put_str(out, buf_str(&a->head));
	ollama_put_now(out);
}

static void
put_probs(struct buf *out, struct str probs)
{
	if (probs.n == 0)
		return;
	PUT(out, ",\"logprobs\":");
	buf_put_str(out, probs);
}

static void
say(const struct answer *a, struct buf *out, const char *start, struct str text,
    struct str probs)
{
	begin(a, out);
	buf_puts(out, start);
	json_put_escaped(out, text);
	buf_puts(out, words_of(a)->end);
	put_probs(out, probs);
	PUT(out, ",\"done\":false}\n");
}

static void
say_text(struct answer *a, struct choice *c, struct buf *out, struct str text,
    struct str probs)
{
	(void)c;
	say(a, out, words_of(a)->text, text, probs);
}

/*
 * Calls
 */

/* Writes the arguments on one line. False, and nothing: they are no object, for
 * the call was cut short. */
static bool
put_arguments(struct buf *out, struct str json)
{
	struct json_doc *doc;
	bool is;

	if (json_parse(json.p, json.n, &json_limits_request, &doc, NULL) != 0)
		return false;
	is = json_type(json_root(doc)) == JSON_OBJECT;
	if (is)
		json_put_value(out, json_root(doc));
	json_free(doc);
	return is;
}

/* ,"tool_calls":[...]: those from the first-th on; nothing if none is
 * whole. */
static bool
put_call(struct buf *out, const struct call *one, uint32_t index, bool is_first)
{
	size_t mark = buf_len(out);
	struct json_out o = json_out(out);

	buf_puts(out, is_first ? ",\"tool_calls\":[" : ",");
	json_open(&o, '{');
	json_key_str(&o, "id", one->id);
	json_key(&o, "function");
	json_open(&o, '{');
	json_key_u64(&o, "index", index);
	json_key_str(&o, "name", one->name);
	json_key(&o, "arguments");
	if (!put_arguments(out, one->arguments)) {
		buf_truncate(out, mark);
		return false;
	}
	json_close(&o, '}');
	json_close(&o, '}');
	return true;
}

static void
put_calls(struct buf *out, const struct calls *calls, uint32_t first)
{
	struct cursor at = calls_walk(calls);
	bool any = false;
	struct call one;

	for (uint32_t i = 0; calls_next(&at, &one); i++)
		if (i >= first)
			any |= put_call(out, &one, i, !any);
	if (any)
		PUT(out, "]");
}

/* The line of the call that is open, if it is whole. */
static void
say_call(struct answer *a, struct choice *c, struct buf *out)
{
	size_t mark = buf_len(out), bare;

	if (c->open == 0)
		return;
	c->open = 0;
	begin(a, out);
	PUT(out, ",\"message\":{\"role\":\"assistant\",\"content\":\"\"");
	bare = buf_len(out);
	put_calls(out, &c->calls, c->n_blocks);
	c->n_blocks++;
	if (buf_len(out) == bare)
		buf_truncate(out, mark);
	else
		PUT(out, "},\"done\":false}\n");
}

static void
say_part(struct answer *a, struct choice *c, struct buf *out,
    const struct part *p, struct str probs)
{
	if (p->kind != PART_ARGUMENTS)
		say_call(a, c, out);
	if (p->kind == PART_CONTENT)
		say(a, out, words_of(a)->text, p->text, probs);
	else if (p->kind == PART_REASONING)
		say(a, out, words_of(a)->thinking, p->text, probs);
	else
		calls_add(&c->calls, p);
	c->open |= p->kind == PART_CALL;
}

/*
 * The end
 */

static const char *
reason_of(const struct choice *c)
{
	return c->reason == REASON_LENGTH ? "length" : "stop";
}

/* Durations are in nanoseconds. What was not computed in was waited in, for the
 * model and for a slot. */
static void
put_end(const struct answer *a, struct buf *out)
{
	const struct choice_times *t = &a->choices[0].times;
	uint64_t total_us = clock_us() - a->born_us;
	uint64_t busy_us = t->prefill_us + t->decode_us;
	struct json_out o = json_out(out);

	PUT(out, ",\"done\":true,\"done_reason\":");
	json_put_cstr(out, reason_of(&a->choices[0]));
	o.comma = true;
	json_key_u64(&o, "total_duration", total_us * 1000);
	json_key_u64(&o, "load_duration",
	    total_us > busy_us ? (total_us - busy_us) * 1000 : 0);
	json_key_u64(&o, "prompt_eval_count", t->n_prompt);
	json_key_u64(&o, "prompt_eval_duration", t->prefill_us * 1000);
	json_key_u64(&o, "eval_count", t->n_out);
	json_key_u64(&o, "eval_duration", t->decode_us * 1000);
	PUT(out, "}");
}

static void
say_finish(struct answer *a, struct choice *c, struct buf *out)
{
	say_call(a, c, out);
	begin(a, out);
	buf_puts(out, words_of(a)->last);
	put_end(a, out);
	PUT(out, "\n");
	ollama_leave(http_front(a->http), c->n_events);
}

static void
say_nothing(struct answer *a, struct choice *c, struct buf *out)
{
	(void)a;
	(void)c;
	(void)out;
}

/* Between two lines a blank belongs to the next: clients that read lines
 * would take an empty one for broken. */
static void
say_tick(struct answer *a, struct buf *out)
{
	(void)a;
	PUT(out, " ");
}

static void
say_error(struct answer *a, struct buf *out, const struct fail *why)
{
	error_put(out, a->dialect->errors, why);
	PUT(out, "\n");
}

static void
put_message(const struct choice *c, struct buf *out)
{
	PUT(out, ",\"message\":{\"role\":\"assistant\",\"content\":");
	json_put_str(out, buf_str(&c->text));
	if (buf_len(&c->reasoning) > 0) {
		PUT(out, ",\"thinking\":");
		json_put_str(out, buf_str(&c->reasoning));
	}
	put_calls(out, &c->calls, 0);
	PUT(out, "}");
}

static void
put_response(const struct choice *c, struct buf *out)
{
	PUT(out, ",\"response\":");
	json_put_str(out, buf_str(&c->text));
	if (buf_len(&c->reasoning) > 0) {
		PUT(out, ",\"thinking\":");
		json_put_str(out, buf_str(&c->reasoning));
	}
}

static void
say_whole(struct answer *a, struct buf *out)
{
	const struct choice *c = &a->choices[0];

	begin(a, out);
	if (is_chat(a))
		put_message(c, out);
	else
		put_response(c, out);
	if (buf_len(&c->probs) > 0) {
		PUT(out, ",\"logprobs\":");
		probs_put_list(out, buf_str(&c->probs));
	}
	put_end(a, out);
	ollama_leave(http_front(a->http), c->n_events);
}

#define OLLAMA(which, what, start_of_id)                                    \
	{                                                                   \
		.id = which, .ask = what, .errors = ERRORS_OLLAMA,          \
		.id_start = start_of_id,                                    \
		.stream_type = "application/x-ndjson", .keeps_text = true,  \
		.init = init, .instead = ollama_load, .start = say_nothing, \
		.text = say_text, .part = say_part, .finish = say_finish,   \
		.tick = say_tick, .error = say_error, .whole = say_whole,   \
		.probs = probs_put_list,                                    \
	}

const struct dialect dialect_ollama_chat =
    OLLAMA(DIALECT_OLLAMA_CHAT, &ask_ollama_chat, "ollama-chat-");

const struct dialect dialect_ollama_generate =
    OLLAMA(DIALECT_OLLAMA_GENERATE, &ask_ollama_generate, "ollama-");
