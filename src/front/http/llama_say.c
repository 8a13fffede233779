/*
 * llama-server's own answers to completions: an event for what each token made
 * visible, and at the end all that is known.
 */
#include "front/http/answer.h"

#include "base/clock.h"
#include "front/http/llama_own.h"
#include "front/http/probs.h"
#include "front/http/settings.h"
#include "json/write.h"

#include <string.h>

#define OBJECT_MAX (48u << 20)

/* What a->head begins with; behind it the bytes of each, one after the other. */
struct head {
	bool return_tokens;
	bool timings_per_token;
	bool return_progress;
	uint32_t max_tokens; /* 0: as many as fit */
	uint32_t n_model;
	uint32_t n_settings; /* JSON */
	uint32_t n_fields;   /* struct strs; 0: all of the answer is shown */
};

static struct head
head_of(const struct answer *a)
{
	struct head h;

	memcpy(&h, buf_data(&a->head), sizeof(h));
	return h;
}

/* The n bytes that begin so far behind the head. */
static struct str
bytes_of(const struct answer *a, size_t from, size_t n)
{
	return (struct str){
		(const char *)buf_data(&a->head) + sizeof(struct head) + from, n
	};
}

static void
put_fields(struct buf *b, const struct json_value *list)
{
	struct json_iter it = json_iter(list);
	const struct json_value *one;
	struct str path;

	while (json_next(&it, NULL, &one))
		if (json_str(one, &path))
			strs_put(b, path);
}

static void
init(struct answer *a, const struct ask *q, const struct answer_names *names)
{
	struct head h = { .max_tokens = q->gen.max_tokens };
	struct llama_own own = { 0 };
	struct settings_about about = { .is_whole = true,
		.is_stream = q->is_stream,
		.is_none = llama_wants_none(q) };
	struct json_out o;
	struct buf rest;

	buf_init(&rest, ANSWER_HEAD_MAX);
	o = json_out(&rest);
	if (llama_read_own(q, &own, NULL) == 0) {
		h.return_tokens = own.return_tokens;
		h.timings_per_token = own.timings_per_token;
		h.return_progress = own.return_progress;
	}
	buf_put_str(&rest, names->model);
	h.n_model = (uint32_t)buf_len(&rest);
	about.timings_per_token = own.timings_per_token;
	settings_put(&o, &q->gen, &about);
	h.n_settings = (uint32_t)buf_len(&rest) - h.n_model;
	put_fields(&rest, own.fields);
	h.n_fields = (uint32_t)buf_len(&rest) - h.n_model - h.n_settings;
	buf_put(&a->head, &h, sizeof(h));
	buf_put_str(&a->head, buf_str(&rest));
	if (buf_err(&rest) != 0)
		a->head.err = buf_err(&rest);
	buf_done(&rest);
}

/*
 * Pieces
 */

static void
put_tokens(struct json_out *o, const struct buf *tokens, bool is_shown)
{
	const int32_t *ids = (const void *)buf_data(tokens);
	size_t n = is_shown ? buf_len(tokens) / sizeof(*ids) : 0;

	json_key(o, "tokens");
	json_open(o, '[');
	for (size_t i = 0; i < n; i++) {
		json_item(o);
		json_put_i64(o->b, ids[i]);
	}
	json_close(o, ']');
}

static void
put_timings(struct json_out *o, const struct choice_times *t)
{
	json_key(o, "timings");
	times_put(o->b, t);
}

static bool
has_newline(const struct str s)
{
	return s.n > 0 && memchr(s.p, '\n', s.n) != NULL;
}

/* What each event of a stream begins with. */
static void
open_event(struct json_out *o, const struct choice *c, struct str text)
{
	buf_puts(o->b, "data: ");
	json_open(o, '{');
	json_key_u64(o, "index", c->index);
	json_key_str(o, "content", text);
	put_tokens(o, &c->tokens, true);
	json_key_bool(o, "stop", false);
	json_key_i64(o, "id_slot", -1);
	json_key_u64(o, "tokens_predicted", c->times.n_out);
	json_key_u64(o, "tokens_evaluated", c->times.n_prompt);
}

static void
close_event(struct json_out *o)
{
	json_close(o, '}');
	buf_puts(o->b, "\n\n");
}

static void
put_progress(
    const struct answer *a, const struct choice *c, struct buf *out, uint32_t n)
{
	struct head h = head_of(a);
	struct json_out o = json_out(out);

	open_event(&o, c, STR(""));
	if (h.timings_per_token)
		put_timings(&o, &c->times);
	json_key(&o, "prompt_progress");
	json_open(&o, '{');
	json_key_u64(&o, "total", c->times.n_prompt);
	json_key_u64(&o, "cache", c->times.n_cached);
	json_key_u64(&o, "processed", n);
	json_key_u64(&o, "time_ms", (clock_us() - c->begun_us) / 1000);
	json_close(&o, '}');
	close_event(&o);
}

static void
say_progress(
    struct answer *a, struct choice *c, struct buf *out, uint32_t n_done)
{
	put_progress(a, c, out, n_done);
}

/* What a cache has is there from the start. */
static void
say_start(struct answer *a, struct choice *c, struct buf *out)
{
	if (head_of(a).return_progress)
		put_progress(a, c, out, c->times.n_cached);
}

static void
say_text(struct answer *a, struct choice *c, struct buf *out, struct str text,
    struct str probs)
{
	struct head h = head_of(a);
	struct json_out o = json_out(out);

	c->open |= has_newline(text);
	open_event(&o, c, text);
	buf_reset(&c->tokens);
	if (h.timings_per_token)
		put_timings(&o, &c->times);
	if (probs.n > 0)
		json_key_raw(&o, "completion_probabilities", probs);
	close_event(&o);
}

/*
 * The last of a choice
 */

static const char *
stop_type(const struct choice *c)
{
	return c->reason == REASON_EOS ? "eos"
	    : c->reason == REASON_STOP ? "word"
				       : "limit";
}

/* It ended where the context did. */
static bool
is_truncated(const struct choice *c, const struct head *h)
{
	return c->reason == REASON_LENGTH &&
	    (h->max_tokens == 0 || c->times.n_out < h->max_tokens);
}

static void
put_end(struct json_out *o, const struct choice *c, const struct head *h)
{
	uint32_t n = c->times.n_prompt + c->times.n_out;

	json_key_str(o, "prompt", buf_str(&c->prompt));
	json_key_bool(
	    o, "has_new_line", c->open != 0 || has_newline(buf_str(&c->text)));
	json_key_bool(o, "truncated", is_truncated(c, h));
	json_key_cstr(o, "stop_type", stop_type(c));
	json_key_str(o, "stopping_word", buf_str(&c->stop));
	/* The last token is drawn and not computed. */
	json_key_u64(o, "tokens_cached", n > 0 ? n - 1 : 0);
	put_timings(o, &c->times);
}

static void
put_object(const struct answer *a, const struct choice *c, struct buf *out)
{
	struct head h = head_of(a);
	struct json_out o = json_out(out);

	json_open(&o, '{');
	json_key_u64(&o, "index", c->index);
	json_key_str(&o, "content", buf_str(&c->text));
	put_tokens(&o, &c->tokens, h.return_tokens && !a->is_stream);
	json_key_i64(&o, "id_slot", -1);
	json_key_bool(&o, "stop", true);
	json_key_str(&o, "model", bytes_of(a, 0, h.n_model));
	json_key_u64(&o, "tokens_predicted", c->times.n_out);
	json_key_u64(&o, "tokens_evaluated", c->times.n_prompt);
	json_key_raw(
	    &o, "generation_settings", bytes_of(a, h.n_model, h.n_settings));
	put_end(&o, c, &h);
	if (buf_len(&c->probs) > 0) {
		json_key(&o, "completion_probabilities");
		probs_put_llama(out, buf_str(&c->probs));
	}
	json_close(&o, '}');
}

/* What of it is asked for. */
static void
put_choice(const struct answer *a, const struct choice *c, struct buf *out)
{
	struct head h = head_of(a);
	struct buf whole;

	if (h.n_fields == 0) {
		put_object(a, c, out);
		return;
	}
	buf_init(&whole, OBJECT_MAX);
	put_object(a, c, &whole);
	if (buf_err(&whole) != 0)
		out->err = buf_err(&whole);
	else
		llama_pick(out, buf_str(&whole),
		    bytes_of(a, h.n_model + h.n_settings, h.n_fields));
	buf_done(&whole);
}

static void
say_finish(struct answer *a, struct choice *c, struct buf *out)
{
	buf_puts(out, "data: ");
	put_choice(a, c, out);
	buf_puts(out, "\n\n");
}

static void
say_whole(struct answer *a, struct buf *out)
{
	bool is_one = a->n_choices == 1;

	if (!is_one)
		buf_put_u8(out, '[');
	for (uint32_t i = 0; i < a->n_choices; i++) {
		if (i > 0)
			buf_put_u8(out, ',');
		put_choice(a, &a->choices[i], out);
	}
	if (!is_one)
		buf_put_u8(out, ']');
}

#define LLAMA(form)                                                       \
	{                                                                 \
		.id = DIALECT_LLAMA, .ask = form, .errors = ERRORS_LLAMA, \
		.id_start = "cmpl-", .stream_type = "text/event-stream",  \
		.keeps_tokens = true, .init = init, .start = say_start,   \
		.progress = say_progress, .text = say_text,               \
		.finish = say_finish, .tick = dialect_tick,               \
		.error = dialect_error, .whole = say_whole,               \
		.probs = probs_put_llama,                                 \
	}

const struct dialect dialect_llama = LLAMA(&ask_llama);
const struct dialect dialect_infill = LLAMA(&ask_infill);
