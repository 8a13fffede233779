/*
 * Each input is a generation of its own (several.h), and its rows go out in the
 * order of the inputs. Vectors of inputs that are through before their turn are
 * kept: one each, for a few inputs. Rows that are not pooled may be many: their
 * inputs are computed one at a time, and the rows go out as they come.
 *
 * The answer begins once it is whole or has HOLD bytes: until then an input that
 * cannot be embedded is told by the status. Behind that the connection breaks:
 * some of the vectors must not be taken for all of them.
 */
#include "front/http/embed.h"

#include "base/clock.h"
#include "base/log.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/http/base64.h"
#include "front/http/body.h"
#include "front/http/embedform.h"
#include "front/http/error.h"
#include "front/http/http.h"
#include "front/http/ollama.h"
#include "front/http/promptin.h"
#include "front/http/reply.h"
#include "front/http/several.h"
#include "front/http/which.h"
#include "front/model.h"
#include "front/params.h"
#include "json/write.h"

#include <stdlib.h>
#include <string.h>

#define INPUTS_MAX 4096u
#define HOLD (4u << 20)
#define TEXT_MAX (48u << 20)
#define AT_ONCE 256u /* floats made text in one go */

/* What has come of an input before its turn. */
struct early {
	bool is_used;
	bool is_done;
	struct buf rows;
};

struct embed {
	struct http *http;
	struct json_doc *doc;
	/* The input that is made next, or was last. */
	const struct json_value *at;
	struct json_iter rest;
	uint32_t at_i;
	struct promptin room;

	struct gen_submit gen; /* of each, but for its input */
	struct gen_times times;
	enum embed_form form;
	bool is_base64;
	uint64_t born_us;    /* by clock_us() */
	uint32_t dimensions; /* 0: not asked for */

	struct buf text; /* not yet sent */
	bool is_open;	 /* the header is */
	uint32_t n;	 /* inputs */
	uint32_t next;	 /* input whose turn it is */
	uint32_t n_rows; /* of it that are written */
	uint32_t n_cols; /* floats of a row, of the last that came */
	uint64_t n_tokens;
	/* By input: none runs that is so many behind the next. */
	struct early early[SEVERAL_AT_ONCE];
};

/*
 * What is written
 */

static void
put_floats(struct buf *out, const char *p, size_t n)
{
	float v[AT_ONCE];

	for (size_t at = 0; at < n; at += AT_ONCE) {
		size_t some = n - at < AT_ONCE ? n - at : AT_ONCE;

		/* They lie anywhere, so not as floats do. */
		memcpy(v, p + at * sizeof(*v), some * sizeof(*v));
		if (at > 0)
			buf_put_u8(out, ',');
		json_put_f32_list(out, v, some);
	}
}

static void
put_row(struct embed *e, const char *p, uint32_t n_cols)
{
	struct buf *out = &e->text;

	if (e->is_base64) {
		buf_put_u8(out, '"');
		base64_put(out, p, n_cols * sizeof(float));
		buf_put_u8(out, '"');
		return;
	}
	if (e->n_rows > 0)
		buf_put_u8(out, ',');
	buf_put_u8(out, '[');
	put_floats(out, p, n_cols);
	buf_put_u8(out, ']');
}

/* Whole rows of the input whose turn it is. */
static void
put_rows(struct embed *e, struct str data, uint32_t n_cols)
{
	size_t each = n_cols * sizeof(float);

	for (size_t at = 0; each > 0 && at + each <= data.n; at += each) {
		if (e->n_rows == 0)
			embedform_item_head(e->form, &e->text, e->next);
		put_row(e, data.p + at, n_cols);
		e->n_rows++;
	}
}

/* Sends what there is, once that is much. */
static void
send_some(struct embed *e)
{
	struct buf *out;
	size_t mark;

	if (buf_len(&e->text) < HOLD && !e->is_open)
		return;
	if (!e->is_open) {
		conn_widen(http_conn(e->http));
		reply_stream(e->http, "application/json");
	}
	e->is_open = true;
	out = http_out(e->http);
	mark = reply_event_begin(e->http);
	buf_put_str(out, buf_str(&e->text));
	/* What lacks something is not to be taken for the whole. */
	if (buf_err(&e->text) != 0)
		out->err = buf_err(&e->text);
	reply_event_end(e->http, mark);
	buf_reset(&e->text);
}

/*
 * What comes
 */

static struct early *
early_of(struct embed *e, uint32_t i)
{
	return &e->early[i % SEVERAL_AT_ONCE];
}

static void
on_rows(void *arg, uint32_t i, const struct gen_rows *r)
{
	struct embed *e = arg;
	struct early *y = early_of(e, i);

	e->n_cols = r->n_cols;
	if (i == e->next) {
		put_rows(e, r->data, r->n_cols);
		send_some(e);
		return;
	}
	y->is_used = true;
	buf_put_str(&y->rows, r->data);
}

/* Writes what is kept of the input whose turn it is; whether that is all. */
static bool
catch_up(struct embed *e)
{
	struct early *y = early_of(e, e->next);
	bool is_done;

	if (!y->is_used)
		return false;
	is_done = y->is_done;
	if (buf_err(&y->rows) != 0)
		e->text.err = buf_err(&y->rows);
	put_rows(e, buf_str(&y->rows), e->n_cols);
	buf_trim(&y->rows);
	y->is_used = y->is_done = false;
	return is_done;
}

static void
end_item(struct embed *e)
{
	embedform_item_tail(e->form, &e->text, e->is_base64);
	e->next++;
	e->n_rows = 0;
}

static bool
check(const struct embed *e, uint32_t i, struct fail *why)
{
	if (e->dimensions != 0 && e->dimensions != e->n_cols)
		(void)fail_set(why, ERR_INVALID, "dimensions",
		    "dimensions: this model's embeddings have %u, and cannot "
		    "have %u",
		    e->n_cols, e->dimensions);
	else if (buf_err(&e->text) != 0)
		(void)fail_set(why, ERR_NOMEM, NULL,
		    "no memory for the embedding of input %u", i);
	else
		return true;
	return false;
}

static bool
on_done(void *arg, uint32_t i, const struct gen_done *d, struct fail *why)
{
	struct embed *e = arg;

	e->n_tokens += d->n_prompt;
	if (!check(e, i, why))
		return false;
	if (i != e->next) {
		early_of(e, i)->is_used = early_of(e, i)->is_done = true;
		return true;
	}
	do
		end_item(e);
	while (catch_up(e));
	send_some(e);
	return true;
}

static uint32_t
turn(const void *arg)
{
	const struct embed *e = arg;

	return e->next;
}

static void
on_failed(void *arg, struct http *h, const struct fail *why)
{
	const struct embed *e = arg;

	if (!e->is_open) {
		error_reply(h, why);
		return;
	}
	log_warn("an answer of embeddings ends unfinished: %s", why->text);
	http_attach(h, NULL, NULL);
	conn_abort(http_conn(h), why->code);
}

static void
on_end(void *arg, struct http *h)
{
	struct embed *e = arg;
	const struct embed_cost cost = { .n_tokens = e->n_tokens,
		.us = clock_us() - e->born_us };
	struct fail why;

	if (e->next != e->n) {
		(void)fail_set(&why, ERR_INTERNAL, NULL,
		    "%u of %u embeddings are lost", e->n - e->next, e->n);
		on_failed(e, h, &why);
		return;
	}
	embedform_tail(e->form, &e->text, &cost);
	if (!e->is_open) {
		reply_json(h, buf_str(&e->text));
		return;
	}
	send_some(e);
	reply_stream_end(h);
}

static void
embed_free(void *arg)
{
	struct embed *e = arg;

	for (uint32_t k = 0; k < SEVERAL_AT_ONCE; k++)
		buf_done(&e->early[k].rows);
	promptin_done(&e->room);
	buf_done(&e->text);
	json_free(e->doc);
	free(e);
}

/* They are asked for in turn, the last one maybe again. */
static int
make(void *arg, uint32_t i, struct gen_submit *ret, struct fail *why)
{
	struct embed *e = arg;

	while (e->at_i < i && json_next(&e->rest, NULL, &e->at))
		e->at_i++;
	*ret = e->gen;
	return promptin_read(&e->room, e->at, "input", ret, why);
}

#define OPS(n)                                                             \
	{                                                                  \
		.at_once = n, .turn = turn, .make = make, .rows = on_rows, \
		.done = on_done, .end = on_end, .failed = on_failed,       \
		.free = embed_free,                                        \
	}

static const struct several_ops ops_of_vectors = OPS(SEVERAL_AT_ONCE);
static const struct several_ops ops_of_rows = OPS(1);

/*
 * What is asked
 */

struct body {
	const struct json_value *input;
	const struct json_value *content;
	const struct json_value *prompt;
	struct str encoding;
	uint32_t dimensions;
	int32_t normalize;
	uint8_t pooling;
	struct gen_times times;
};

static const char *const pooling_words[] = {
	[POOL_MODEL] = "model",
	[POOL_NONE] = "none",
	[POOL_MEAN] = "mean",
	[POOL_CLS] = "cls",
	[POOL_LAST] = "last",
	NULL,
};

#define ROW(name, kind, member, min, max, words)                     \
	{                                                            \
		name, JSON_TO_##kind, offsetof(struct body, member), \
		    JSON_NULLABLE, min, max, words                   \
	}

static const struct json_field rows[] = {
	ROW("input", ANY, input, 0, 0, NULL),
	ROW("content", ANY, content, 0, 0, NULL),
	ROW("prompt", ANY, prompt, 0, 0, NULL),
	ROW("encoding_format", STR, encoding, 0, 64, NULL),
	ROW("dimensions", U32, dimensions, 1, 1 << 24, NULL),
	ROW("embd_normalize", I32, normalize, -1, 1024, NULL),
	/* ours */
	ROW("pooling", WORD, pooling, 0, 0, pooling_words),
	ROW("timeout_ms", U32, times.total_ms, 0, 0, NULL),
	ROW("queue_timeout_ms", U32, times.queue_ms, 0, 0, NULL),
};

static int
read_encoding(struct embed *e, struct str word, struct fail *why)
{
	e->is_base64 = str_is(word, "base64");
	if (word.n == 0 || e->is_base64 || str_is(word, "float"))
		return 0;
	return fail_set(why, ERR_INVALID, "encoding_format",
	    "encoding_format: must be \"float\" or \"base64\", not \"%.*s\"",
	    (int)word.n, word.p);
}

static int
read_pooling(struct embed *e, enum pooling p, struct fail *why)
{
	e->gen.pooling = (uint8_t)p;
	if (!embedform_has_one(e->form))
		return 0;
	if (p == POOL_NONE)
		return fail_set(why, ERR_INVALID, "pooling",
		    "Pooling type 'none' is not OAI compatible. Please use a "
		    "different pooling type");
	if (p == POOL_MODEL)
		e->gen.pooling = POOL_ONE;
	return 0;
}

/* All of them are looked at before the first is computed. */
static int
check_inputs(struct embed *e, const struct json_value *v, uint32_t *ret_n,
    struct fail *why)
{
	bool is_many = promptin_are_many(v);
	struct json_iter it = json_iter(v);
	const struct json_value *one = v;
	struct gen_submit g = e->gen;
	uint32_t n = 0;
	int err = 0;

	while (err == 0 && (!is_many || json_next(&it, NULL, &one))) {
		err = promptin_read(&e->room, one, "input", &g, why);
		if (err == 0 && ++n > INPUTS_MAX)
			err = fail_set(why, ERR_INVALID, "input",
			    "input: at most %u of a request", INPUTS_MAX);
		if (!is_many)
			break;
	}
	if (err == 0 && n == 0)
		return fail_set(why, ERR_INVALID, "input",
		    "input: must not be an empty array");
	e->at = v;
	e->rest = json_iter(v);
	if (is_many)
		(void)json_next(&e->rest, NULL, &e->at);
	*ret_n = n;
	return err;
}

/* The inputs, by the name that the protocol has for them. As there: "content"
 * is not OpenAI's. */
static int
pick_inputs(struct embed *e, const struct body *b,
    const struct json_value **ret, struct fail *why)
{
	*ret = b->input != NULL ? b->input : b->content;
	if (e->form == EMBED_OPENAI && b->input == NULL)
		e->form = EMBED_LLAMA;
	if (e->form == EMBED_OLLAMA)
		*ret = b->input;
	if (e->form == EMBED_OLLAMA_ONE)
		*ret = b->prompt;
	if (*ret != NULL)
		return 0;
	if (e->form >= EMBED_OLLAMA)
		return fail_set(why, ERR_INVALID, NULL, "%s: is required",
		    e->form == EMBED_OLLAMA ? "input" : "prompt");
	return fail_set(why, ERR_INVALID, "input",
	    "\"input\" or \"content\" must be provided");
}

static int
read_body(struct embed *e, uint32_t *ret_n, struct fail *why)
{
	struct body b = { .normalize = e->form == EMBED_OLLAMA_ONE
		    ? NORMALIZE_NOT
		    : NORMALIZE_LENGTH,
		.encoding = STR("") };
	const struct json_value *inputs;
	int err = json_read_fields(json_root(e->doc), rows,
	    sizeof(rows) / sizeof(rows[0]), NULL, &b, why);

	if (err == 0)
		err = pick_inputs(e, &b, &inputs, why);
	if (err != 0)
		return err;
	e->gen.normalize = b.normalize;
	e->dimensions = b.dimensions;
	e->times = b.times;
	err = read_encoding(e, b.encoding, why);
	e->is_base64 &= e->form == EMBED_OPENAI;
	if (err == 0)
		err = read_pooling(e, (enum pooling)b.pooling, why);
	return err != 0 ? err : check_inputs(e, inputs, ret_n, why);
}

static struct embed *
embed_new(struct http *h, enum embed_form form)
{
	struct embed *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->http = h;
	e->form = form;
	e->born_us = clock_us();
	params_default(&e->gen);
	e->gen.mode = MODE_EMBED;
	promptin_init(&e->room);
	buf_init(&e->text, TEXT_MAX);
	for (uint32_t k = 0; k < SEVERAL_AT_ONCE; k++)
		buf_init(&e->early[k].rows, ROW_MAX);
	return e;
}

/* Ollama's clients ask by a name. */
static struct model *
find_model(struct embed *e, const struct request *r, struct fail *why)
{
	const struct json_value *root = json_root(e->doc);
	struct str name = STR("");

	(void)json_str(json_get(root, "model"), &name);
	if (e->form < EMBED_OLLAMA || name.n > 0)
		return which_model(e->http, r, root, why);
	(void)ollama_no_model(name, why);
	return NULL;
}

static int
begin(struct embed *e, const struct request *r, struct fail *why)
{
	struct str name;
	struct model *m;
	uint32_t n = 0;
	int err = body_parse(r->body, JSON_OBJECT, &e->doc, why);

	if (err != 0)
		return err;
	m = find_model(e, r, why);
	if (m == NULL)
		return why->code;
	err = read_body(e, &n, why);
	if (err != 0)
		return err;
	e->n = n;
	name = m->state.name;
	if (e->form == EMBED_OLLAMA) /* as it was called */
		(void)json_str(json_get(json_root(e->doc), "model"), &name);
	embedform_head(e->form, &e->text, name);
	return several_keep(e->http, m, n, r->body.n, &e->times,
	    embedform_has_one(e->form) ? &ops_of_vectors : &ops_of_rows, e,
	    why);
}

static void
run(struct http *h, const struct request *r, enum embed_form form)
{
	struct embed *e = embed_new(h, form);
	struct fail why;
	int err = e == NULL ? fail_set(&why, ERR_NOMEM, NULL, "out of memory")
			    : begin(e, r, &why);

	if (err == 0)
		return;
	if (e != NULL)
		embed_free(e);
	error_reply(h, &why);
}

void
embed_openai(struct http *h, const struct request *r, struct str rest)
{
	(void)rest;
	run(h, r, EMBED_OPENAI);
}

void
embed_llama(struct http *h, const struct request *r, struct str rest)
{
	(void)rest;
	run(h, r, EMBED_LLAMA);
}

void
embed_ollama(struct http *h, const struct request *r, struct str rest)
{
	(void)rest;
	run(h, r, EMBED_OLLAMA);
}

void
embed_ollama_one(struct http *h, const struct request *r, struct str rest)
{
	(void)rest;
	run(h, r, EMBED_OLLAMA_ONE);
}
