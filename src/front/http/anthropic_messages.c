/*
 * Anthropic's messages, as what OpenAI's chat would be: templates know no other
 * form. A message of blocks becomes one of text, reasoning and
 * calls; the results of calls in it become messages before it, because they
 * belong behind the calls.
 */
#include "front/http/askrow.h"

#include "front/http/calls.h"
#include "json/write.h"

#include <stdio.h>

#define BLOCKS_MAX 1024u
#define NAME_SIZE 96u
#define ID_MAX 256
#define SPARE_MAX (16u << 20) /* JSON of one call's input */

/*
 * Blocks
 */

enum kind { TEXT, THINKING, REDACTED, TOOL_USE, TOOL_RESULT, N_KINDS };
#define IS(kind) (1u << (kind))

struct block {
	enum kind kind;
	struct str type;
	struct str text; /* of TEXT and THINKING */
	struct str id;	 /* of the call */
	struct str name;
	const struct json_value *input;
	const struct json_value *content; /* string, blocks or NULL */
};

#define FIELD(name, kind, member, flags, max)                                \
	{                                                                    \
		name, JSON_TO_##kind, offsetof(struct block, member), flags, \
		    0, max, NULL                                             \
	}

static const struct json_field type_fields[] = {
	FIELD("type", STR, type, JSON_REQUIRED, 64),
};
static const struct json_field text_fields[] = {
	FIELD("text", STR, text, JSON_REQUIRED, 0),
};
static const struct json_field thinking_fields[] = {
	FIELD("thinking", STR, text, JSON_REQUIRED, 0),
};
static const struct json_field use_fields[] = {
	FIELD("id", STR, id, JSON_REQUIRED, ID_MAX),
	FIELD("name", STR, name, JSON_REQUIRED, ID_MAX),
	FIELD("input", OBJECT, input, JSON_REQUIRED, 0),
};
static const struct json_field result_fields[] = {
	FIELD("tool_use_id", STR, id, JSON_REQUIRED, ID_MAX),
	FIELD("content", ANY, content, JSON_NULLABLE, 0),
};

static const struct {
	const char *type;
	const struct json_field *fields;
	size_t n;
} kinds[N_KINDS] = {
	[TEXT] = { "text", text_fields, 1 },
	[THINKING] = { "thinking", thinking_fields, 1 },
	/* Nobody here can read it. */
	[REDACTED] = { "redacted_thinking", NULL, 0 },
	[TOOL_USE] = { "tool_use", use_fields, 3 },
	[TOOL_RESULT] = { "tool_result", result_fields, 2 },
};

/* Where blocks stand, and which may. */
struct place {
	const char *name; /* "messages[0].content" */
	unsigned may;	  /* IS() of each kind */
};

static int
bad_kind(const struct place *at, size_t i, struct str type, struct fail *why)
{
	char field[NAME_SIZE], list[96] = "";
	size_t n = 0;

	for (size_t k = 0; k < N_KINDS; k++)
		if (at->may & IS(k))
			n += (size_t)snprintf(list + n, sizeof(list) - n,
			    "%s\"%s\"", n > 0 ? ", " : "", kinds[k].type);
	(void)snprintf(
	    field, sizeof(field), "%.80s[%u]", at->name, (unsigned)i);
	return fail_set(why, ERR_INVALID, field,
	    "%s: only blocks of type %s are supported here, not \"%.*s\"",
	    field, list, (int)type.n, type.p);
}

static int
read_block(const struct json_value *v, const struct place *at, size_t i,
    struct block *ret, struct fail *why)
{
	char prefix[NAME_SIZE];
	const struct json_how how = { .prefix = prefix };
	int err;

	*ret = (struct block){ .kind = N_KINDS };
	(void)snprintf(
	    prefix, sizeof(prefix), "%.80s[%u].", at->name, (unsigned)i);
	err = json_read_fields(v, type_fields, 1, &how, ret, why);
	if (err != 0)
		return err;
	for (unsigned k = 0; k < N_KINDS; k++)
		if ((at->may & IS(k)) && str_is(ret->type, kinds[k].type)) {
			ret->kind = (enum kind)k;
			return json_read_fields(
			    v, kinds[k].fields, kinds[k].n, &how, ret, why);
		}
	return bad_kind(at, i, ret->type, why);
}

static int
bad_content(
    const struct json_value *v, const struct place *at, struct fail *why)
{
	char shown[JSON_SHOW_SIZE];

	return fail_set(why, ERR_INVALID, at->name,
	    "%s: must be a string or an array of at most %u blocks, not %s",
	    at->name, BLOCKS_MAX, json_show(v, shown));
}

/* What is there, as bits of IS(); each block is checked. */
static int
check_blocks(const struct json_value *v, const struct place *at,
    unsigned *ret_kinds, uint32_t *ret_texts, struct fail *why)
{
	struct json_iter it = json_iter(v);
	const struct json_value *one;
	struct block b;
	int err = 0;

	*ret_kinds = 0;
	*ret_texts = 0;
	if (json_type(v) != JSON_ARRAY || json_count(v) > BLOCKS_MAX)
		return bad_content(v, at, why);
	for (size_t i = 0; err == 0 && json_next(&it, NULL, &one); i++) {
		err = read_block(one, at, i, &b, why);
		if (err != 0)
			return err;
		*ret_kinds |= IS(b.kind);
		*ret_texts += b.kind == TEXT;
	}
	return 0;
}

/* Walks those of one kind; they have been checked. */
static bool
next_block(struct json_iter *it, const struct place *at, enum kind kind,
    struct block *ret)
{
	const struct json_value *one;
	struct fail why;

	while (json_next(it, NULL, &one))
		if (read_block(one, at, 0, ret, &why) == 0 && ret->kind == kind)
			return true;
	return false;
}

/*
 * Messages
 */

struct writer {
	struct ask *q;
	struct buf *b;
	struct json_out out;
};

/* The texts of blocks put together, as one string. */
static void
put_joined(struct buf *b, const struct json_value *v, const struct place *at,
    enum kind kind)
{
	struct json_iter it = json_iter(v);
	struct block one;

	buf_puts(b, "\"");
	while (next_block(&it, at, kind, &one))
		json_put_escaped(b, one.text);
	buf_puts(b, "\"");
}

/* One text as a string, more of them as parts. */
static void
put_texts(struct writer *w, const struct json_value *v, const struct place *at,
    uint32_t n)
{
	struct json_iter it = json_iter(v);
	struct json_out o = json_out(w->b);
	struct block one;

	if (n <= 1) {
		put_joined(w->b, v, at, TEXT);
		return;
	}
	json_open(&o, '[');
	while (next_block(&it, at, TEXT, &one)) {
		json_item(&o);
		json_open(&o, '{');
		json_key_cstr(&o, "type", "text");
		json_key_str(&o, "text", one.text);
		json_close(&o, '}');
	}
	json_close(&o, ']');
}

static void
put_calls(struct writer *w, const struct json_value *v, const struct place *at)
{
	struct json_iter it = json_iter(v);
	struct json_out o = json_out(w->b);
	struct block one;

	json_open(&o, '[');
	while (next_block(&it, at, TOOL_USE, &one)) {
		struct buf input;
		struct call call;

		buf_init(&input, SPARE_MAX);
		json_put_value(&input, one.input);
		call = (struct call){ one.id, one.name, buf_str(&input) };
		json_item(&o);
		calls_put(&o, &call);
		if (buf_err(&input) != 0)
			w->b->err = buf_err(&input);
		buf_done(&input);
	}
	json_close(&o, ']');
}

static int
put_result(struct writer *w, const struct block *r, const char *where,
    struct fail *why)
{
	const struct place at = { .name = where, .may = IS(TEXT) };
	struct str text = STR("");
	uint32_t n = 0;
	unsigned has;
	int err = 0;

	if (r->content != NULL && !json_str(r->content, &text))
		err = check_blocks(r->content, &at, &has, &n, why);
	if (err != 0)
		return err;
	json_item(&w->out);
	json_open(&w->out, '{');
	json_key_cstr(&w->out, "role", "tool");
	json_key_str(&w->out, "tool_call_id", r->id);
	json_key(&w->out, "content");
	if (json_type(r->content) == JSON_ARRAY)
		put_joined(w->b, r->content, &at, TEXT);
	else
		json_put_str(w->b, text);
	json_close(&w->out, '}');
	return 0;
}

static int
put_results(struct writer *w, const struct json_value *v,
    const struct place *at, struct fail *why)
{
	struct json_iter it = json_iter(v);
	const struct json_value *one;
	char where[NAME_SIZE];
	struct block b;
	int err = 0;

	for (size_t i = 0; err == 0 && json_next(&it, NULL, &one); i++) {
		err = read_block(one, at, i, &b, why);
		if (err != 0 || b.kind != TOOL_RESULT)
			continue;
		(void)snprintf(where, sizeof(where), "%.60s[%u].content",
		    at->name, (unsigned)i);
		err = put_result(w, &b, where, why);
	}
	return err;
}

static void
put_blocks(struct writer *w, const char *role, const struct json_value *v,
    const struct place *at, unsigned has, uint32_t n_texts)
{
	json_item(&w->out);
	json_open(&w->out, '{');
	json_key_cstr(&w->out, "role", role);
	json_key(&w->out, "content");
	put_texts(w, v, at, n_texts);
	if (has & IS(THINKING)) {
		json_key(&w->out, "reasoning_content");
		put_joined(w->b, v, at, THINKING);
	}
	if (has & IS(TOOL_USE)) {
		json_key(&w->out, "tool_calls");
		put_calls(w, v, at);
	}
	json_close(&w->out, '}');
}

struct message {
	uint8_t role;
	const struct json_value *content;
};

static const char *const roles[] = { "user", "assistant", "system", NULL };
static const unsigned may[] = {
	IS(TEXT) | IS(TOOL_RESULT),
	IS(TEXT) | IS(THINKING) | IS(REDACTED) | IS(TOOL_USE),
	IS(TEXT),
};

static const struct json_field message_fields[] = {
	{ "role", JSON_TO_WORD, offsetof(struct message, role), JSON_REQUIRED,
	    0, 0, roles },
	{ "content", JSON_TO_ANY, offsetof(struct message, content),
	    JSON_REQUIRED, 0, 0, NULL },
};

static void
put_text_message(struct writer *w, const char *role, struct str text)
{
	json_item(&w->out);
	json_open(&w->out, '{');
	json_key_cstr(&w->out, "role", role);
	json_key_str(&w->out, "content", text);
	json_close(&w->out, '}');
}

static int
put_message(
    struct writer *w, const struct json_value *v, size_t i, struct fail *why)
{
	char where[NAME_SIZE], prefix[NAME_SIZE];
	const struct json_how how = { .prefix = prefix };
	struct place at = { .name = where };
	struct message m = { 0 };
	uint32_t n_texts;
	struct str text;
	unsigned has;
	int err;

	(void)snprintf(prefix, sizeof(prefix), "messages[%zu].", i);
	(void)snprintf(where, sizeof(where), "messages[%zu].content", i);
	err = json_read_fields(
	    v, message_fields, ASK_COUNT(message_fields), &how, &m, why);
	if (err != 0)
		return err;
	if (json_str(m.content, &text)) {
		put_text_message(w, roles[m.role], text);
		return 0;
	}
	at.may = may[m.role];
	err = check_blocks(m.content, &at, &has, &n_texts, why);
	if (err == 0 && (has & IS(TOOL_RESULT)))
		err = put_results(w, m.content, &at, why);
	if (err == 0 && (has & ~(IS(TOOL_RESULT) | IS(REDACTED))) != 0)
		put_blocks(w, roles[m.role], m.content, &at, has, n_texts);
	return err;
}

static int
put_system(struct writer *w, const struct json_value *v, struct fail *why)
{
	static const struct place at = { .name = "system", .may = IS(TEXT) };
	uint32_t n_texts;
	struct str text;
	unsigned has;
	int err;

	if (v == NULL)
		return 0;
	if (json_str(v, &text)) {
		put_text_message(w, "system", text);
		return 0;
	}
	err = check_blocks(v, &at, &has, &n_texts, why);
	if (err != 0 || n_texts == 0)
		return err;
	json_item(&w->out);
	json_open(&w->out, '{');
	json_key_cstr(&w->out, "role", "system");
	json_key(&w->out, "content");
	put_joined(w->b, v, &at, TEXT);
	json_close(&w->out, '}');
	return 0;
}

int
ask_read_anthropic_messages(struct ask *q, struct fail *why)
{
	static const struct json_field field = { "messages", JSON_TO_ARRAY,
		offsetof(struct ask, raw.messages), JSON_REQUIRED, 1,
		ASK_MESSAGES_MAX, NULL };
	struct writer w = { .q = q, .b = &q->bufs[ASK_MESSAGES] };
	const struct json_value *one;
	struct json_iter it;
	int err;

	w.out = json_out(w.b);
	err = json_read_field(q->raw.messages, &field, NULL, q, why);
	if (err != 0)
		return err;
	json_open(&w.out, '[');
	err = put_system(&w, q->raw.system, why);
	it = json_iter(q->raw.messages);
	for (size_t i = 0; err == 0 && json_next(&it, NULL, &one); i++)
		err = put_message(&w, one, i, why);
	json_close(&w.out, ']');
	q->gen.messages = buf_str(w.b);
	return err != 0 ? err : buf_err(w.b);
}
