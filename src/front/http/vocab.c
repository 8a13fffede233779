#include "front/http/vocab.h"

#include "base/utf8.h"
#include "front/admit.h"
#include "front/front.h"
#include "front/http/ask.h"
#include "front/http/body.h"
#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/promptin.h"
#include "front/http/reply.h"
#include "front/http/several.h"
#include "front/http/which.h"
#include "json/write.h"
#include "wire/i32s.h"

#include <stdlib.h>

#define ANSWER_MAX (64u << 20)

/* One question on its way. */
struct question {
	struct gen_submit gen; /* until it is sent; it points to others' */
	struct buf ids;
	struct buf answer;
	const char *text_key; /* of MODE_TEXT */
};

static int
make(void *arg, uint32_t i, struct gen_submit *ret, struct fail *why)
{
	const struct question *q = arg;

	(void)i;
	(void)why;
	*ret = q->gen;
	return 0;
}

static void
on_started(void *arg, uint32_t i, const struct gen_started *s)
{
	struct question *q = arg;

	(void)i;
	buf_put_i32s(&q->ids, s->prompt);
}

/* Text, or where it is none its bytes as numbers. */
static void
put_piece(struct buf *out, struct str piece)
{
	size_t at;

	if (utf8_valid(piece.p, piece.n, &at)) {
		json_put_str(out, piece);
		return;
	}
	buf_put_u8(out, '[');
	for (size_t i = 0; i < piece.n; i++) {
		if (i > 0)
			buf_put_u8(out, ',');
		json_put_u64(out, (uint8_t)piece.p[i]);
	}
	buf_put_u8(out, ']');
}

static void
put_tokens(struct question *q, struct str pieces)
{
	struct i32s ids = i32s_in(&q->ids);
	struct cursor c = strs_walk((struct strs){ pieces });
	struct buf *out = &q->answer;
	struct str piece;

	buf_puts(out, "{\"tokens\":[");
	for (uint32_t i = 0; i < ids.n; i++) {
		if (i > 0)
			buf_put_u8(out, ',');
		if (!q->gen.want_pieces) {
			json_put_i64(out, ids.p[i]);
			continue;
		}
		buf_puts(out, "{\"id\":");
		json_put_i64(out, ids.p[i]);
		buf_puts(out, ",\"piece\":");
		if (!strs_next(&c, &piece))
			piece = STR("");
		put_piece(out, piece);
		buf_put_u8(out, '}');
	}
	buf_puts(out, "]}");
}

static bool
on_done(void *arg, uint32_t i, const struct gen_done *d, struct fail *why)
{
	struct question *q = arg;
	struct json_out o = json_out(&q->answer);

	(void)i;
	if (q->gen.mode == MODE_TOKENS) {
		put_tokens(q, d->text);
	} else {
		json_open(&o, '{');
		json_key_str(&o, q->text_key, d->text);
		json_close(&o, '}');
	}
	if (buf_err(&q->answer) == 0 && buf_err(&q->ids) == 0)
		return true;
	(void)fail_set(why, ERR_NOMEM, NULL, "no memory for the answer");
	return false;
}

static void
on_end(void *arg, struct http *h)
{
	const struct question *q = arg;

	reply_json(h, buf_str(&q->answer));
}

static void
question_free(void *arg)
{
	struct question *q = arg;

	buf_done(&q->ids);
	buf_done(&q->answer);
	free(q);
}

static const struct several_ops ops = {
	.at_once = 1,
	.make = make,
	.started = on_started,
	.done = on_done,
	.end = on_end,
	.free = question_free,
};

/* g is read before this returns. text_key: of an answer that is text. */
static int
ask(struct http *h, struct model *m, const struct gen_submit *g,
    const struct gen_times *times, const char *text_key, struct fail *why)
{
	struct question *q = calloc(1, sizeof(*q));
	int err;

	if (q == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	q->gen = *g;
	q->text_key = text_key;
	buf_init(&q->ids, ASIDE_TOKENS_MAX * sizeof(int32_t));
	buf_init(&q->answer, ANSWER_MAX);
	err = several_start(h, m, 1, times, &ops, q, why);
	if (err != 0)
		question_free(q);
	return err;
}

/*
 * Tokens of a text, and back
 */

struct tokenize {
	const struct json_value *content;
	bool add_special;
	bool parse_special;
	bool with_pieces;
};

#define ROW(name, kind, member)                                          \
	{                                                                \
		name, JSON_TO_##kind, offsetof(struct tokenize, member), \
		    JSON_NULLABLE, 0, 0, NULL                            \
	}

static const struct json_field tokenize_rows[] = {
	ROW("content", ANY, content),
	ROW("add_special", BOOL, add_special),
	ROW("parse_special", BOOL, parse_special),
	ROW("with_pieces", BOOL, with_pieces),
};

static const struct json_field tokens_row = { "tokens", JSON_TO_ARRAY, 0,
	JSON_NULLABLE, 0, ASIDE_TOKENS_MAX, NULL };

/* As llama-server: of nothing there is nothing. */
static bool
is_nothing(const struct json_value *v)
{
	return v == NULL || (json_type(v) == JSON_ARRAY && json_count(v) == 0);
}

static int
tokenize(struct http *h, struct model *m, const struct json_value *root,
    struct fail *why)
{
	struct tokenize t = { .parse_special = true };
	const struct gen_times times = { 0 };
	struct gen_submit g = { .mode = MODE_TOKENS };
	struct promptin in;
	int err = json_read_fields(root, tokenize_rows,
	    sizeof(tokenize_rows) / sizeof(tokenize_rows[0]), NULL, &t, why);

	if (err != 0)
		return err;
	if (is_nothing(t.content)) {
		reply_json(h, STR("{\"tokens\":[]}"));
		return 0;
	}
	g.add_special = t.add_special;
	g.plain_special = !t.parse_special;
	g.want_pieces = t.with_pieces;
	promptin_init(&in);
	err = promptin_read(&in, t.content, "content", &g, why);
	if (err == 0)
		err = ask(h, m, &g, &times, NULL, why);
	promptin_done(&in);
	return err;
}

static int
detokenize(struct http *h, struct model *m, const struct json_value *root,
    struct fail *why)
{
	const struct json_value *tokens = NULL;
	const struct gen_times times = { 0 };
	struct gen_submit g = { .mode = MODE_TEXT };
	struct promptin in;
	int err = json_read_fields(root, &tokens_row, 1, NULL, &tokens, why);

	if (err != 0)
		return err;
	if (is_nothing(tokens)) {
		reply_json(h, STR("{\"content\":\"\"}"));
		return 0;
	}
	promptin_init(&in);
	err = promptin_read(&in, tokens, "tokens", &g, why);
	if (err == 0 && g.input != INPUT_TOKENS)
		err = fail_set(why, ERR_INVALID, "tokens",
		    "tokens: must be an array of token ids, without texts");
	if (err == 0)
		err = ask(h, m, &g, &times, "content", why);
	promptin_done(&in);
	return err;
}

static void
run(struct http *h, const struct request *r,
    int (*fn)(struct http *h, struct model *m, const struct json_value *root,
	struct fail *why))
{
	struct json_doc *doc = NULL;
	struct model *m = NULL;
	struct fail why;
	int err = body_parse(r->body, JSON_OBJECT, &doc, &why);

	if (err == 0) {
		m = which_model(h, r, json_root(doc), &why);
		err = m == NULL ? why.code : fn(h, m, json_root(doc), &why);
	}
	json_free(doc);
	if (err != 0)
		error_reply(h, &why);
}

void
vocab_tokenize(struct http *h, const struct request *r, struct str rest)
{
	(void)rest;
	run(h, r, tokenize);
}

void
vocab_detokenize(struct http *h, const struct request *r, struct str rest)
{
	(void)rest;
	run(h, r, detokenize);
}

/*
 * A conversation, as the template makes it
 */

static int
template_of(
    struct http *h, const struct request *r, struct ask *q, struct fail *why)
{
	static const struct json_field row = { "add_generation_prompt",
		JSON_TO_BOOL, 0, JSON_NULLABLE, 0, 0, NULL };
	const struct json_value *root = json_root(q->doc);
	struct model *m = which_model(h, r, root, why);
	struct ask_limits limits = { 1, admit_context(m) };
	bool is_answered = true;
	struct gen_submit g;
	int err = m == NULL ? why->code : ask_read(q, &limits, why);

	if (err == 0)
		err = json_read_fields(root, &row, 1, NULL, &is_answered, why);
	if (err != 0)
		return err;
	g = ask_choice(q, 0);
	g.mode = MODE_TEXT;
	g.is_unanswered = !is_answered;
	return ask(h, m, &g, &q->times, "prompt", why);
}

void
vocab_template(struct http *h, const struct request *r, struct str rest)
{
	struct ask q;
	struct fail why;
	int err = ask_parse(&q, &ask_openai_chat, r->body, &why);

	(void)rest;
	if (err == 0)
		err = template_of(h, r, &q, &why);
	ask_done(&q);
	if (err != 0)
		error_reply(h, &why);
}
