/*
 * The tools of a chat, checked in shape and handed on as JSON: what the model
 * sees of them, and how it calls them, is its template's business, in the
 * worker. A choice that names one tool leaves only that one, required.
 */
#include "front/http/askrow.h"

#include "json/write.h"
#include "wire/part.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TOOLS_MAX 512u

static const struct json_field tool_fields[] = {
	{ "type", JSON_TO_STR, offsetof(struct ask_tool, type), JSON_REQUIRED,
	    1, 64, NULL },
	{ "function", JSON_TO_OBJECT, offsetof(struct ask_tool, function),
	    JSON_NULLABLE, 0, 0, NULL },
};

static const struct json_field function_fields[] = {
	{ "name", JSON_TO_STR, offsetof(struct ask_tool, name), JSON_REQUIRED,
	    1, ASK_TOOL_NAME_MAX, NULL },
	{ "parameters", JSON_TO_OBJECT, offsetof(struct ask_tool, parameters),
	    JSON_NULLABLE, 0, 0, NULL },
};

static int
read_tool(const struct json_value *v, size_t i, struct ask_tool *ret,
    struct fail *why)
{
	char outer[32], inner[48];
	const struct json_how how = { .prefix = outer };
	const struct json_how how_inner = { .prefix = inner };
	int err;

	(void)snprintf(outer, sizeof(outer), "tools[%zu].", i);
	(void)snprintf(inner, sizeof(inner), "tools[%zu].function.", i);
	err = json_read_fields(
	    v, tool_fields, COUNT(tool_fields), &how, ret, why);
	if (err != 0)
		return err;
	if (!str_is(ret->type, "function") || ret->function == NULL)
		return fail_set(why, ERR_INVALID, "tools",
		    "tools[%zu]: must be {\"type\":\"function\",\"function\":"
		    "{\"name\":...}}; tools of type \"%.*s\" are not known "
		    "here",
		    i, (int)ret->type.n, ret->type.p);
	err = json_read_fields(ret->function, function_fields,
	    COUNT(function_fields), &how_inner, ret, why);
	ret->function = v; /* goes to the template as it came */
	return err;
}

static void
put_tool(struct buf *b, const struct ask_tool *t)
{
	struct json_out o = json_out(b);

	if (t->function != NULL) {
		json_put_value(b, t->function);
		return;
	}
	json_open(&o, '{');
	json_key_cstr(&o, "type", "function");
	json_key(&o, "function");
	json_open(&o, '{');
	json_key_str(&o, "name", t->name);
	json_key_str(&o, "description",
	    t->description.p != NULL ? t->description : STR(""));
	json_key(&o, "parameters");
	if (t->parameters != NULL)
		json_put_value(b, t->parameters);
	else
		buf_puts(b, "{}");
	json_close(&o, '}');
	json_close(&o, '}');
}

/* Those whose name is only, or all where that is empty. */
static int
put_tools(struct ask *q, ask_tool_fn read, struct str only, uint32_t *ret_n,
    struct fail *why)
{
	struct buf *b = &q->bufs[ASK_TOOLS];
	struct json_iter it = json_iter(q->raw.tools);
	struct json_out out = json_out(b);
	const struct json_value *one;
	int err = 0;

	*ret_n = 0;
	json_open(&out, '[');
	for (size_t i = 0; err == 0 && json_next(&it, NULL, &one); i++) {
		struct ask_tool t = { .function = NULL };

		err = read(one, i, &t, why);
		if (err != 0 || t.is_skipped ||
		    (only.n > 0 && !str_eq(only, t.name)))
			continue;
		json_item(&out);
		put_tool(b, &t);
		++*ret_n;
	}
	json_close(&out, ']');
	return err;
}

int
ask_put_tools(
    struct ask *q, ask_tool_fn read, struct str only, struct fail *why)
{
	uint32_t n = 0;
	int err = 0;

	if (json_count(q->raw.tools) > TOOLS_MAX)
		return fail_set(why, ERR_INVALID, "tools",
		    "tools: at most %u, not %zu", TOOLS_MAX,
		    json_count(q->raw.tools));
	if (json_count(q->raw.tools) > 0)
		err = put_tools(q, read, only, &n, why);
	if (err != 0)
		return err;
	if (n == 0 && only.n > 0 && json_count(q->raw.tools) > 0)
		return fail_set(why, ERR_INVALID, "tool_choice",
		    "tool_choice: no tool is called \"%.*s\"", (int)only.n,
		    only.p);
	if (n == 0)
		return q->gen.tool_choice != TOOLS_REQUIRED
		    ? 0
		    : fail_set(why, ERR_INVALID, "tool_choice",
			  "tool_choice: there are no tools to call");
	if (q->gen.grammar.n > 0)
		return fail_set(why, ERR_INVALID, "grammar",
		    "grammar: cannot rule an answer that may call tools");
	q->gen.tools = buf_str(&q->bufs[ASK_TOOLS]);
	return buf_err(&q->bufs[ASK_TOOLS]);
}

static int
bad_choice(const struct json_value *v, struct fail *why)
{
	char shown[JSON_SHOW_SIZE];

	return fail_set(why, ERR_INVALID, "tool_choice",
	    "tool_choice: must be \"auto\", \"none\", \"required\" or "
	    "{\"type\":\"function\",\"function\":{\"name\":...}}, not %s",
	    json_show(v, shown));
}

int
ask_read_choice_word(struct ask *q, struct fail *why)
{
	static const char *const words[TOOLS_NCHOICES] = {
		[TOOLS_AUTO] = "auto",
		[TOOLS_REQUIRED] = "required",
		[TOOLS_NONE] = "none",
	};
	struct str word;

	if (q->raw.tool_choice == NULL)
		return 0;
	if (!json_str(q->raw.tool_choice, &word))
		return bad_choice(q->raw.tool_choice, why);
	for (unsigned i = 0; i < TOOLS_NCHOICES; i++)
		if (str_is(word, words[i])) {
			q->gen.tool_choice = (uint8_t)i;
			return 0;
		}
	return bad_choice(q->raw.tool_choice, why);
}

/* *ret_only: the name of the one tool that is to be called; or empty. */
static int
read_choice(struct ask *q, struct str *ret_only, struct fail *why)
{
	const struct json_value *v = q->raw.tool_choice;

	*ret_only = STR("");
	if (json_type(v) != JSON_OBJECT)
		return ask_read_choice_word(q, why);
	q->gen.tool_choice = TOOLS_REQUIRED;
	return json_str(json_get(json_get(v, "function"), "name"), ret_only) &&
		ret_only->n > 0
	    ? 0
	    : bad_choice(v, why);
}

int
ask_read_parallel(struct ask *q, struct fail *why)
{
	static const struct json_field field = { "parallel_tool_calls",
		JSON_TO_BOOL, 0, 0, 0, 0, NULL };
	bool may = false;
	int err;

	if (q->raw.parallel == NULL)
		return 0;
	err = json_read_field(q->raw.parallel, &field, NULL, &may, why);
	if (err != 0)
		return err;
	q->gen.parallel_calls = may ? PARALLEL_YES : PARALLEL_NO;
	return 0;
}

int
ask_read_tools(struct ask *q, struct fail *why)
{
	struct str only;
	int err;

	if (json_count(q->raw.functions) > 0)
		return fail_set(why, ERR_INVALID, "functions",
		    "functions: give them as tools, each {\"type\":"
		    "\"function\",\"function\":{...}}");
	err = read_choice(q, &only, why);
	if (err == 0)
		err = ask_read_parallel(q, why);
	return err != 0 ? err : ask_put_tools(q, read_tool, only, why);
}
