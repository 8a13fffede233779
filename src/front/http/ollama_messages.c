/*
 * The messages of an Ollama chat, in the form that templates know: OpenAI's.
 * They differ in what a call and its answer look like, and in what a model
 * thought before.
 */
#include "front/http/ollama_ask.h"

#include "json/write.h"

#include <stdio.h>

#define CALLS_MAX 1024
#define NAME_BYTES 256
#define PREFIX_SIZE 64u

static const char *const roles[] = { "system", "user", "assistant", "tool",
	NULL };

struct message {
	uint8_t role;
	struct str content, thinking, tool_name, tool_call_id;
	const struct json_value *images, *calls;
};

#define FIELD(name, kind, member, flags, max)                                  \
	{                                                                      \
		name, JSON_TO_##kind, offsetof(struct message, member), flags, \
		    0, max, NULL                                               \
	}

static const struct json_field message_fields[] = {
	{ "role", JSON_TO_WORD, offsetof(struct message, role), JSON_REQUIRED,
	    0, 0, roles },
	FIELD("content", STR, content, JSON_NULLABLE, 0),
	FIELD("thinking", STR, thinking, JSON_NULLABLE, 0),
	FIELD("tool_name", STR, tool_name, JSON_NULLABLE, NAME_BYTES),
	FIELD("tool_call_id", STR, tool_call_id, JSON_NULLABLE, NAME_BYTES),
	FIELD("images", ARRAY, images, JSON_NULLABLE, 0),
	FIELD("tool_calls", ARRAY, calls, JSON_NULLABLE, CALLS_MAX),
};

struct call {
	struct str id;
	const struct json_value *function;
	struct str name;
	const struct json_value *arguments;
};

static const struct json_field call_fields[] = {
	{ "id", JSON_TO_STR, offsetof(struct call, id), JSON_NULLABLE, 0,
	    NAME_BYTES, NULL },
	{ "function", JSON_TO_OBJECT, offsetof(struct call, function),
	    JSON_REQUIRED, 0, 0, NULL },
};

static const struct json_field function_fields[] = {
	{ "name", JSON_TO_STR, offsetof(struct call, name), JSON_REQUIRED, 1,
	    NAME_BYTES, NULL },
	{ "arguments", JSON_TO_OBJECT, offsetof(struct call, arguments),
	    JSON_NULLABLE, 0, 0, NULL },
};

static int
put_call(struct json_out *o, const struct json_value *v, const char *prefix,
    struct fail *why)
{
	const struct json_how how = { .prefix = prefix };
	struct call c = { .id = STR("") };
	int err = json_read_fields(
	    v, call_fields, ASK_COUNT(call_fields), &how, &c, why);

	if (err == 0)
		err = json_read_fields(c.function, function_fields,
		    ASK_COUNT(function_fields), &how, &c, why);
	if (err != 0)
		return err;
	json_item(o);
	json_open(o, '{');
	json_key_cstr(o, "type", "function");
	if (c.id.n > 0)
		json_key_str(o, "id", c.id);
	json_key(o, "function");
	json_open(o, '{');
	json_key_str(o, "name", c.name);
	json_key(o, "arguments");
	if (c.arguments != NULL)
		json_put_value(o->b, c.arguments);
	else
		buf_puts(o->b, "{}");
	json_close(o, '}');
	json_close(o, '}');
	return 0;
}

static int
put_calls(struct json_out *o, const struct json_value *calls, size_t i,
    struct fail *why)
{
	struct json_iter it = json_iter(calls);
	const struct json_value *one;
	char prefix[PREFIX_SIZE];
	int err = 0;

	json_key(o, "tool_calls");
	json_open(o, '[');
	for (size_t k = 0; err == 0 && json_next(&it, NULL, &one); k++) {
		(void)snprintf(prefix, sizeof(prefix),
		    "messages[%zu].tool_calls[%zu].", i, k);
		err = put_call(o, one, prefix, why);
	}
	json_close(o, ']');
	return err;
}

static int
put_message(
    struct json_out *o, const struct message *m, size_t i, struct fail *why)
{
	int err = 0;

	json_item(o);
	json_open(o, '{');
	json_key_cstr(o, "role", roles[m->role]);
	json_key_str(o, "content", m->content);
	if (m->thinking.n > 0)
		json_key_str(o, "reasoning_content", m->thinking);
	if (m->tool_name.n > 0)
		json_key_str(o, "name", m->tool_name);
	if (m->tool_call_id.n > 0)
		json_key_str(o, "tool_call_id", m->tool_call_id);
	if (json_count(m->calls) > 0)
		err = put_calls(o, m->calls, i, why);
	json_close(o, '}');
	return err;
}

static int
read_message(
    struct json_out *o, const struct json_value *v, size_t i, struct fail *why)
{
	static const struct message none = { .content = { "", 0 } };
	char prefix[PREFIX_SIZE];
	const struct json_how how = { .prefix = prefix };
	struct message m = none;
	int err;

	(void)snprintf(prefix, sizeof(prefix), "messages[%zu].", i);
	err = json_read_fields(
	    v, message_fields, ASK_COUNT(message_fields), &how, &m, why);
	if (err == 0 && json_count(m.images) > 0)
		return fail_set(why, ERR_INVALID, "images",
		    "messages[%zu].images: no model here takes images", i);
	return err != 0 ? err : put_message(o, &m, i, why);
}

int
ollama_read_messages(
    struct ask *q, const struct json_value *messages, struct fail *why)
{
	struct json_iter it = json_iter(messages);
	struct buf *b = &q->bufs[ASK_MESSAGES];
	struct json_out o = json_out(b);
	const struct json_value *one;
	int err = 0;

	if (json_count(messages) > ASK_MESSAGES_MAX)
		return fail_set(why, ERR_INVALID, "messages",
		    "messages: at most %u, not %zu", ASK_MESSAGES_MAX,
		    json_count(messages));
	json_open(&o, '[');
	for (size_t i = 0; err == 0 && json_next(&it, NULL, &one); i++)
		err = read_message(&o, one, i, why);
	json_close(&o, ']');
	q->gen.messages = buf_str(b);
	return err != 0 ? err : buf_err(b);
}

static void
put_plain(struct json_out *o, const char *role, struct str text)
{
	json_item(o);
	json_open(o, '{');
	json_key_cstr(o, "role", role);
	json_key_str(o, "content", text);
	json_close(o, '}');
}

int
ollama_make_messages(struct ask *q, struct str system, struct str prompt)
{
	struct buf *b = &q->bufs[ASK_MESSAGES];
	struct json_out o = json_out(b);

	json_open(&o, '[');
	if (system.n > 0)
		put_plain(&o, "system", system);
	put_plain(&o, "user", prompt);
	json_close(&o, ']');
	q->gen.messages = buf_str(b);
	return buf_err(b);
}
