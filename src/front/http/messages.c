/*
 * The messages of a chat, checked in shape and handed on as JSON: what they
 * mean to the model is its template's business, in the worker.
 */
#include "front/http/askrow.h"

#include "json/write.h"

#include <stdio.h>
#include <string.h>

#define NAME_SIZE 96u
#define PARTS_MAX 1024u

static const char *const roles[] = { "system", "developer", "user", "assistant",
	"tool", "function", NULL };
enum role { ROLE_ASSISTANT = 3 };

struct message {
	uint8_t role;
	struct str name;
	struct str tool_call_id;
	const struct json_value *content;
	const struct json_value *tool_calls;
};

#define FIELD(name, kind, flags, max)                                         \
	{                                                                     \
#name, JSON_TO_##kind, offsetof(struct message, name), flags, \
		    0, max, NULL                                              \
	}

static const struct json_field message_fields[] = {
	{ "role", JSON_TO_WORD, offsetof(struct message, role), JSON_REQUIRED,
	    0, 0, roles },
	FIELD(name, STR, JSON_NULLABLE, 256),
	FIELD(tool_call_id, STR, JSON_NULLABLE, 256),
	FIELD(content, ANY, JSON_NULLABLE, 0),
	FIELD(tool_calls, ARRAY, JSON_NULLABLE, PARTS_MAX),
};

struct part {
	struct str type;
	struct str text;
};

static const struct json_field part_fields[] = {
	{ "type", JSON_TO_STR, offsetof(struct part, type), JSON_REQUIRED, 1,
	    64, NULL },
	{ "text", JSON_TO_STR, offsetof(struct part, text), 0, 0, 0, NULL },
};

static int
check_part(
    const struct json_value *v, size_t message, size_t i, struct fail *why)
{
	char prefix[NAME_SIZE];
	const struct json_how how = { .prefix = prefix };
	struct part p = { .text.p = NULL };
	int err;

	(void)snprintf(
	    prefix, sizeof(prefix), "messages[%zu].content[%zu].", message, i);
	err = json_read_fields(v, part_fields, 2, &how, &p, why);
	if (err != 0)
		return err;
	prefix[strlen(prefix) - 1] = '\0'; /* the element as a whole */
	if (!str_is(p.type, "text"))
		return fail_set(why, ERR_INVALID, prefix,
		    "%s: only parts of type \"text\" are supported, not "
		    "\"%.*s\"",
		    prefix, (int)p.type.n, p.type.p);
	if (p.text.p == NULL)
		return fail_set(
		    why, ERR_INVALID, prefix, "%s.text: is required", prefix);
	return 0;
}

static int
bad_content(const struct json_value *v, size_t message, struct fail *why)
{
	char name[NAME_SIZE];
	char shown[JSON_SHOW_SIZE];

	(void)snprintf(name, sizeof(name), "messages[%zu].content", message);
	return fail_set(why, ERR_INVALID, name,
	    "%s: must be a string or an array of text parts, not %s", name,
	    json_show(v, shown));
}

static int
check_content(const struct message *m, size_t at, struct fail *why)
{
	struct json_iter it = json_iter(m->content);
	const struct json_value *part;
	int err = 0;

	if (json_type(m->content) == JSON_STRING)
		return 0;
	if (m->content == NULL && m->role == ROLE_ASSISTANT &&
	    json_count(m->tool_calls) > 0)
		return 0;
	if (json_type(m->content) != JSON_ARRAY ||
	    json_count(m->content) > PARTS_MAX)
		return bad_content(m->content, at, why);
	for (size_t i = 0; err == 0 && json_next(&it, NULL, &part); i++)
		err = check_part(part, at, i, why);
	return err;
}

static int
check_message(const struct json_value *v, size_t i, struct fail *why)
{
	char prefix[NAME_SIZE];
	const struct json_how how = { .prefix = prefix };
	struct message m = { 0 };
	int err;

	(void)snprintf(prefix, sizeof(prefix), "messages[%zu].", i);
	err = json_read_fields(v, message_fields,
	    sizeof(message_fields) / sizeof(message_fields[0]), &how, &m, why);
	return err != 0 ? err : check_content(&m, i, why);
}

int
ask_read_messages(struct ask *q, struct fail *why)
{
	static const struct json_field field = { "messages", JSON_TO_ARRAY,
		offsetof(struct ask, raw.messages), JSON_REQUIRED, 1,
		ASK_MESSAGES_MAX, NULL };
	struct buf *b = &q->bufs[ASK_MESSAGES];
	const struct json_value *one;
	struct json_iter it;
	int err;

	err = json_read_field(q->raw.messages, &field, NULL, q, why);
	it = json_iter(q->raw.messages);
	for (size_t i = 0; err == 0 && json_next(&it, NULL, &one); i++)
		err = check_message(one, i, why);
	if (err != 0)
		return err;
	json_put_value(b, q->raw.messages);
	q->gen.messages = buf_str(b);
	return buf_err(b);
}
