/*
 * What the answer must look like: response_format and json_schema become one
 * schema, which rules the answer unless a grammar does.
 */
#include "front/http/askrow.h"

#include "json/write.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int
set_schema(struct ask *q, const struct json_value *schema)
{
	struct buf *b = &q->bufs[ASK_SCHEMA];

	if (schema == NULL)
		buf_puts(b, "{\"type\":\"object\"}");
	else
		json_put_value(b, schema);
	q->gen.json_schema = buf_str(b);
	return buf_err(b);
}

enum format { FORMAT_TEXT, FORMAT_OBJECT, FORMAT_SCHEMA };
static const char *const format_names[] = { "text", "json_object",
	"json_schema", NULL };

struct format_request {
	uint8_t type;
	const struct json_value *schema;
	const struct json_value *wrapped;
};

static const struct json_field format_fields[] = {
	{ "type", JSON_TO_WORD, offsetof(struct format_request, type),
	    JSON_REQUIRED, 0, 0, format_names },
	/* llama-server's, for json_object */
	{ "schema", JSON_TO_OBJECT, offsetof(struct format_request, schema),
	    JSON_NULLABLE, 0, 0, NULL },
	{ "json_schema", JSON_TO_OBJECT,
	    offsetof(struct format_request, wrapped), JSON_NULLABLE, 0, 0,
	    NULL },
};

static int
read_format(struct ask *q, struct fail *why)
{
	static const struct json_field schema_field = { "schema",
		JSON_TO_OBJECT, 0, JSON_REQUIRED, 0, 0, NULL };
	static const struct json_how how = { .prefix = "response_format." };
	static const struct json_how inner = {
		.prefix = "response_format.json_schema."
	};
	struct format_request r = { 0 };
	int err;

	if (q->raw.response_format == NULL)
		return 0;
	err = json_read_fields(q->raw.response_format, format_fields,
	    COUNT(format_fields), &how, &r, why);
	if (err != 0 || r.type == FORMAT_TEXT)
		return err;
	if (r.type == FORMAT_SCHEMA && r.wrapped == NULL)
		return fail_set(why, ERR_INVALID, "response_format",
		    "response_format.json_schema: is required");
	if (r.type == FORMAT_SCHEMA)
		err = json_read_fields(
		    r.wrapped, &schema_field, 1, &inner, &r.schema, why);
	return err != 0 ? err : set_schema(q, r.schema);
}

int
ask_read_flat_format(struct ask *q, const char *name, struct fail *why)
{
	static const struct json_field fields[] = {
		{ "type", JSON_TO_WORD, offsetof(struct format_request, type),
		    JSON_REQUIRED, 0, 0, format_names },
		{ "schema", JSON_TO_OBJECT,
		    offsetof(struct format_request, schema), JSON_NULLABLE, 0,
		    0, NULL },
	};
	struct format_request r = { 0 };
	char prefix[64];
	const struct json_how how = { .prefix = prefix };
	int err;

	if (q->raw.format == NULL)
		return 0;
	(void)snprintf(prefix, sizeof(prefix), "%s.", name);
	err = json_read_fields(
	    q->raw.format, fields, COUNT(fields), &how, &r, why);
	if (err != 0 || r.type == FORMAT_TEXT)
		return err;
	if (r.type == FORMAT_SCHEMA && r.schema == NULL)
		return fail_set(
		    why, ERR_INVALID, name, "%s.schema: is required", name);
	return set_schema(q, r.type == FORMAT_SCHEMA ? r.schema : NULL);
}

int
ask_read_shape(struct ask *q, struct fail *why)
{
	const struct json_value *schema = q->raw.json_schema;
	int err = read_format(q, why);

	if (err != 0)
		return err;
	if (schema != NULL && q->gen.json_schema.n > 0)
		return fail_set(why, ERR_INVALID, "json_schema",
		    "json_schema: response_format asks for a shape already");
	if (schema != NULL && json_type(schema) != JSON_OBJECT)
		return fail_set(why, ERR_INVALID, "json_schema",
		    "json_schema: must be an object, not %s",
		    json_type_name(json_type(schema)));
	if (schema != NULL)
		err = set_schema(q, schema);
	if (err == 0 && q->gen.grammar.n > 0 && q->gen.json_schema.n > 0)
		return fail_set(why, ERR_INVALID, "grammar",
		    "grammar: only one of grammar and a JSON schema can rule "
		    "the answer");
	return err;
}
