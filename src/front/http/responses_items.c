/*
 * The input of OpenAI's responses, as messages of its chat: templates know no
 * other form. What the assistant has said, thought and called comes in items of
 * their own; those that follow one another become one message.
 */
#include "front/http/askrow.h"

#include "front/http/calls.h"

#include <stdio.h>

#define PARTS_MAX 1024u
#define NAME_SIZE 96u
#define ID_MAX 256
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum kind { MESSAGE, CALL, OUTPUT, REASONING, N_KINDS };

static const char *const types[] = { "message", "function_call",
	"function_call_output", "reasoning", NULL };

static const char *const roles[] = { "user", "system", "developer", "assistant",
	NULL };
enum role { ASSISTANT = 3 };

struct item {
	uint8_t kind;
	uint8_t role; /* of MESSAGE */
	struct str id;
	struct str name;
	struct str arguments;
	const struct json_value *content; /* string, parts or NULL */
};

#define FIELD(name, kind, member, flags, max)                                  \
	{                                                                      \
		name, JSON_TO_##kind, offsetof(struct item, member), flags, 0, \
		    max, NULL                                                  \
	}

static const struct json_field kind_fields[] = {
	{ "type", JSON_TO_WORD, offsetof(struct item, kind), JSON_NULLABLE, 0,
	    0, types },
};
static const struct json_field message_fields[] = {
	{ "role", JSON_TO_WORD, offsetof(struct item, role), JSON_REQUIRED, 0,
	    0, roles },
	FIELD("content", ANY, content, JSON_REQUIRED, 0),
};
static const struct json_field call_fields[] = {
	FIELD("call_id", STR, id, JSON_REQUIRED, ID_MAX),
	FIELD("name", STR, name, JSON_REQUIRED, ID_MAX),
	FIELD("arguments", STR, arguments, JSON_REQUIRED, 0),
};
static const struct json_field output_fields[] = {
	FIELD("call_id", STR, id, JSON_REQUIRED, ID_MAX),
	FIELD("output", ANY, content, JSON_REQUIRED, 0),
};
/* Without content it is a summary, or encrypted: nobody here can read it. */
static const struct json_field reasoning_fields[] = {
	FIELD("content", ANY, content, JSON_NULLABLE, 0),
};

static const struct {
	const struct json_field *fields;
	size_t n;
} fields[N_KINDS] = {
	[MESSAGE] = { message_fields, COUNT(message_fields) },
	[CALL] = { call_fields, COUNT(call_fields) },
	[OUTPUT] = { output_fields, COUNT(output_fields) },
	[REASONING] = { reasoning_fields, COUNT(reasoning_fields) },
};

/*
 * Parts of a text
 */

struct part_said {
	struct str type;
	struct str text;
	struct str refusal;
};

static const struct json_field part_fields[] = {
	{ "type", JSON_TO_STR, offsetof(struct part_said, type), JSON_REQUIRED,
	    1, 64, NULL },
	{ "text", JSON_TO_STR, offsetof(struct part_said, text), 0, 0, 0,
	    NULL },
	{ "refusal", JSON_TO_STR, offsetof(struct part_said, refusal), 0, 0, 0,
	    NULL },
};

static bool
is_text(struct str type)
{
	static const char *const known[] = { "input_text", "output_text",
		"text", "reasoning_text", "summary_text", "refusal" };

	for (size_t i = 0; i < COUNT(known); i++)
		if (str_is(type, known[i]))
			return true;
	return false;
}

static int
read_part(const struct json_value *v, const char *where, size_t i,
    struct str *ret, struct fail *why)
{
	char prefix[NAME_SIZE];
	const struct json_how how = { .prefix = prefix };
	struct part_said p = { .text.p = NULL };
	int err;

	(void)snprintf(
	    prefix, sizeof(prefix), "%.60s[%u].", where, (unsigned)i);
	err =
	    json_read_fields(v, part_fields, COUNT(part_fields), &how, &p, why);
	if (err != 0)
		return err;
	*ret = str_is(p.type, "refusal") ? p.refusal : p.text;
	if (is_text(p.type) && ret->p != NULL)
		return 0;
	return fail_set(why, ERR_INVALID, where,
	    "%s[%u]: only parts of type \"input_text\" and \"output_text\" with "
	    "their text are supported, not \"%.*s\"",
	    where, (unsigned)i, (int)p.type.n, p.type.p);
}

/* Appends the text of a string or of parts, escaped. */
static int
put_text(struct buf *b, const struct json_value *v, const char *where,
    struct fail *why)
{
	struct json_iter it = json_iter(v);
	const struct json_value *one;
	char shown[JSON_SHOW_SIZE];
	struct str text;
	int err = 0;

	if (json_str(v, &text)) {
		json_put_escaped(b, text);
		return 0;
	}
	if (json_type(v) != JSON_ARRAY || json_count(v) > PARTS_MAX)
		return fail_set(why, ERR_INVALID, where,
		    "%s: must be a string or an array of at most %u parts, not "
		    "%s",
		    where, PARTS_MAX, json_show(v, shown));
	for (size_t i = 0; err == 0 && json_next(&it, NULL, &one); i++) {
		err = read_part(one, where, i, &text, why);
		if (err == 0)
			json_put_escaped(b, text);
	}
	return err;
}

/*
 * Items
 */

static int
read_item(
    const struct json_value *v, size_t i, struct item *ret, struct fail *why)
{
	char prefix[32];
	const struct json_how how = { .prefix = prefix };
	int err;

	*ret = (struct item){ .kind = MESSAGE };
	(void)snprintf(prefix, sizeof(prefix), "input[%zu].", i);
	err = json_read_fields(v, kind_fields, 1, &how, ret, why);
	return err != 0 ? err
			: json_read_fields(v, fields[ret->kind].fields,
			      fields[ret->kind].n, &how, ret, why);
}

static bool
is_of_assistant(const struct item *it)
{
	return it->kind == CALL || it->kind == REASONING ||
	    (it->kind == MESSAGE && it->role == ASSISTANT);
}

/* Where the items are, and how far they are read. */
struct walk {
	struct json_iter it;
	const struct json_value *next; /* NULL: no more */
	size_t i;		       /* of next */
};

static void
advance(struct walk *w)
{
	w->i++;
	if (!json_next(&w->it, NULL, &w->next))
		w->next = NULL;
}

/* Appends the texts of one kind in a run of the assistant's items, escaped. */
static int
put_run_texts(struct buf *b, struct walk w, enum kind kind, struct fail *why)
{
	struct item it;
	char where[32];
	int err = 0;

	for (; err == 0 && w.next != NULL; advance(&w)) {
		err = read_item(w.next, w.i, &it, why);
		if (err != 0 || !is_of_assistant(&it))
			break;
		(void)snprintf(where, sizeof(where), "input[%zu].content", w.i);
		if (it.kind == kind && it.content != NULL)
			err = put_text(b, it.content, where, why);
	}
	return err;
}

/* The calls in a run, and *ret_n how many there are. */
static void
put_run_calls(struct json_out *o, struct walk w, uint32_t *ret_n)
{
	struct fail why;
	struct item it;

	*ret_n = 0;
	for (; w.next != NULL; advance(&w)) {
		if (read_item(w.next, w.i, &it, &why) != 0 ||
		    !is_of_assistant(&it))
			return;
		if (it.kind != CALL)
			continue;
		if ((*ret_n)++ == 0) {
			json_key(o, "tool_calls");
			json_open(o, '[');
		}
		json_item(o);
		calls_put(o, &(struct call){ it.id, it.name, it.arguments });
	}
}

static int
put_run(struct json_out *o, struct walk *w, struct fail *why)
{
	uint32_t n_calls;
	size_t before;
	struct item it;
	int err;

	json_item(o);
	json_open(o, '{');
	json_key_cstr(o, "role", "assistant");
	json_key(o, "content");
	buf_puts(o->b, "\"");
	err = put_run_texts(o->b, *w, MESSAGE, why);
	if (err != 0)
		return err;
	buf_puts(o->b, "\"");
	before = buf_len(o->b);
	buf_puts(o->b, ",\"reasoning_content\":\"");
	err = put_run_texts(o->b, *w, REASONING, why);
	if (err != 0)
		return err;
	if (buf_str(o->b).p[buf_len(o->b) - 1] == '"')
		buf_truncate(o->b, before); /* none */
	else
		buf_puts(o->b, "\"");
	put_run_calls(o, *w, &n_calls);
	if (n_calls > 0)
		json_close(o, ']');
	json_close(o, '}');
	while (w->next != NULL && read_item(w->next, w->i, &it, why) == 0 &&
	    is_of_assistant(&it))
		advance(w);
	return 0;
}

static int
put_item(struct json_out *o, const struct item *it, size_t i, struct fail *why)
{
	const bool is_output = it->kind == OUTPUT;
	char where[32];
	int err;

	(void)snprintf(where, sizeof(where), "input[%zu].%s", i,
	    is_output ? "output" : "content");
	json_item(o);
	json_open(o, '{');
	json_key_cstr(o, "role", is_output ? "tool" : roles[it->role]);
	if (is_output)
		json_key_str(o, "tool_call_id", it->id);
	json_key(o, "content");
	buf_puts(o->b, "\"");
	err = put_text(o->b, it->content, where, why);
	buf_puts(o->b, "\"");
	json_close(o, '}');
	return err;
}

static int
put_items(struct json_out *o, const struct json_value *list, struct fail *why)
{
	struct walk w = { .it = json_iter(list), .i = SIZE_MAX };
	struct item it;
	int err = 0;

	advance(&w);
	while (err == 0 && w.next != NULL) {
		err = read_item(w.next, w.i, &it, why);
		if (err != 0)
			return err;
		if (is_of_assistant(&it)) {
			err = put_run(o, &w, why);
			continue;
		}
		err = put_item(o, &it, w.i, why);
		advance(&w);
	}
	return err;
}

static void
put_message(struct json_out *o, const char *role, struct str text)
{
	json_item(o);
	json_open(o, '{');
	json_key_cstr(o, "role", role);
	json_key_str(o, "content", text);
	json_close(o, '}');
}

static int
put_input(struct json_out *o, const struct json_value *v, struct fail *why)
{
	char shown[JSON_SHOW_SIZE];
	struct str text;

	if (json_str(v, &text)) {
		put_message(o, "user", text);
		return 0;
	}
	if (json_type(v) != JSON_ARRAY || json_count(v) < 1 ||
	    json_count(v) > ASK_MESSAGES_MAX)
		return fail_set(why, ERR_INVALID, "input",
		    "input: must be a string or an array of 1 to %u items, not "
		    "%s",
		    ASK_MESSAGES_MAX, json_show(v, shown));
	return put_items(o, v, why);
}

int
ask_read_items(struct ask *q, struct fail *why)
{
	struct buf *b = &q->bufs[ASK_MESSAGES];
	struct json_out o = json_out(b);
	int err;

	json_open(&o, '[');
	if (q->instructions.n > 0)
		put_message(&o, "system", q->instructions);
	err = put_input(&o, q->raw.input, why);
	json_close(&o, ']');
	q->gen.messages = buf_str(b);
	return err != 0 ? err : buf_err(b);
}
