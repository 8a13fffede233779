/*
 * The body of Anthropic's messages, but for these (anthropic_messages.c).
 */
#include "front/http/askrow.h"

#include "wire/part.h"

#include <stdio.h>

#define NAME_SIZE 32u

static const struct json_field rows[] = {
	ASK_RAW("messages", messages),
	ASK_RAW("system", system),
	ASK_ROW("max_tokens", I64, max_tokens, 1, ASK_TOKENS_MAX),
	ASK_RAW("stop_sequences", stop),
	ASK_ROW("tools", ARRAY, raw.tools, 0, 0),
	ASK_ROW("tool_choice", OBJECT, raw.tool_choice, 0, 0),
	ASK_ROW("thinking", OBJECT, raw.thinking, 0, 0),
	ASK_ROW("output_config", OBJECT, raw.output_config, 0, 0),
	ASK_ROW("output_format", OBJECT, raw.format, 0, 0), /* its old name */
	ASK_ROW("mcp_servers", ARRAY, raw.mcp_servers, 0, 0),
	ASK_RAW("container", container),
	ASK_RAW("chat_template_kwargs", kwargs),
};

static int
read_budget(struct ask *q, struct fail *why)
{
	if (q->max_tokens < 1)
		return fail_set(
		    why, ERR_INVALID, "max_tokens", "max_tokens: is required");
	q->gen.max_tokens = (uint32_t)q->max_tokens;
	return 0;
}

static int
read_stops(struct ask *q, struct fail *why)
{
	return ask_read_stops(q, "stop_sequences", why);
}

static const struct json_field tool_type_field = { "type", JSON_TO_STR,
	offsetof(struct ask_tool, type), JSON_NULLABLE, 0, 64, NULL };

static const struct json_field tool_fields[] = {
	{ "name", JSON_TO_STR, offsetof(struct ask_tool, name), JSON_REQUIRED,
	    1, ASK_TOOL_NAME_MAX, NULL },
	{ "description", JSON_TO_STR, offsetof(struct ask_tool, description),
	    JSON_NULLABLE, 0, 0, NULL },
	{ "input_schema", JSON_TO_OBJECT, offsetof(struct ask_tool, parameters),
	    JSON_REQUIRED, 0, 0, NULL },
};

static int
read_tool(const struct json_value *v, size_t i, struct ask_tool *ret,
    struct fail *why)
{
	char prefix[NAME_SIZE];
	const struct json_how how = { .prefix = prefix };
	int err;

	(void)snprintf(prefix, sizeof(prefix), "tools[%zu].", i);
	err = json_read_fields(v, &tool_type_field, 1, &how, ret, why);
	if (err != 0)
		return err;
	if (ret->type.n > 0 && !str_is(ret->type, "custom"))
		return fail_set(why, ERR_INVALID, "tools",
		    "tools[%zu]: only tools of type \"custom\", which the "
		    "client runs, are known here, not \"%.*s\"",
		    i, (int)ret->type.n, ret->type.p);
	return json_read_fields(
	    v, tool_fields, ASK_COUNT(tool_fields), &how, ret, why);
}

struct choice_said {
	uint8_t type;
	struct str name;
	bool is_single;
};

enum { CHOICE_AUTO, CHOICE_ANY, CHOICE_TOOL, CHOICE_NONE };
static const char *const choice_words[] = { "auto", "any", "tool", "none",
	NULL };
static const uint8_t choices[] = { TOOLS_AUTO, TOOLS_REQUIRED, TOOLS_REQUIRED,
	TOOLS_NONE };

static const struct json_field choice_fields[] = {
	{ "type", JSON_TO_WORD, offsetof(struct choice_said, type),
	    JSON_REQUIRED, 0, 0, choice_words },
	{ "name", JSON_TO_STR, offsetof(struct choice_said, name),
	    JSON_NULLABLE, 0, ASK_TOOL_NAME_MAX, NULL },
	{ "disable_parallel_tool_use", JSON_TO_BOOL,
	    offsetof(struct choice_said, is_single), JSON_NULLABLE, 0, 0,
	    NULL },
};

static int
read_choice(struct ask *q, struct str *ret_only, struct fail *why)
{
	static const struct json_how how = { .prefix = "tool_choice." };
	struct choice_said said = { .name = STR("") };
	int err;

	*ret_only = STR("");
	if (q->raw.tool_choice == NULL)
		return 0;
	err = json_read_fields(q->raw.tool_choice, choice_fields,
	    ASK_COUNT(choice_fields), &how, &said, why);
	if (err != 0)
		return err;
	if (said.type == CHOICE_TOOL && said.name.n == 0)
		return fail_set(why, ERR_INVALID, "tool_choice.name",
		    "tool_choice.name: is required with type \"tool\"");
	q->gen.tool_choice = choices[said.type];
	if (said.type == CHOICE_TOOL)
		*ret_only = said.name;
	if (said.is_single)
		q->gen.parallel_calls = PARALLEL_NO;
	return 0;
}

static int
read_tools(struct ask *q, struct fail *why)
{
	struct str only;
	int err = read_choice(q, &only, why);

	return err != 0 ? err : ask_put_tools(q, read_tool, only, why);
}

/* budget_tokens is a wish: a model's thinking ends where it ends. */
static int
read_thinking(struct ask *q, struct fail *why)
{
	static const char *const words[] = { "disabled", "enabled", "adaptive",
		NULL };
	static const struct json_field field = { "type", JSON_TO_WORD, 0,
		JSON_REQUIRED, 0, 0, words };
	static const struct json_how how = { .prefix = "thinking." };
	uint8_t type = 0;
	int err;

	if (q->raw.thinking == NULL)
		return 0;
	err = json_read_fields(q->raw.thinking, &field, 1, &how, &type, why);
	if (err == 0)
		q->gen.enable_thinking = type != 0;
	return err;
}

/* output_config.format is as the inside of OpenAI's response_format. */
static int
read_output(struct ask *q, struct fail *why)
{
	static const struct json_field field = { "format", JSON_TO_OBJECT,
		offsetof(struct ask, raw.format), JSON_NULLABLE, 0, 0, NULL };
	static const struct json_how how = { .prefix = "output_config." };
	int err = 0;

	if (q->raw.output_config != NULL)
		err = json_read_fields(
		    q->raw.output_config, &field, 1, &how, q, why);
	if (err == 0)
		err = ask_read_flat_format(q, "output_config.format", why);
	return err != 0 ? err : ask_read_shape(q, why);
}

/* What Anthropic's servers would do between the model's words. */
static int
check_others(struct ask *q, struct fail *why)
{
	if (json_count(q->raw.mcp_servers) > 0)
		return fail_set(why, ERR_INVALID, "mcp_servers",
		    "mcp_servers: are not connected to from here; offer their "
		    "tools as tools");
	if (q->raw.container != NULL)
		return fail_set(why, ERR_INVALID, "container",
		    "container: there is none here");
	return 0;
}

/* What counts tokens needs no max_tokens, which comes last. */
static const ask_step_fn steps[] = { ask_read_resume, ask_read_kwargs,
	read_thinking, read_stops, read_output, read_tools, ask_read_sampling,
	ask_read_lora, check_others, ask_read_anthropic_messages, read_budget };

static const struct ask_table table = { rows, ASK_COUNT(rows) };

const struct ask_form ask_anthropic = {
	.is_chat = true,
	.tables = { &ask_common, &ask_sampling, &table },
	.steps = steps,
	.n_steps = ASK_COUNT(steps),
};

const struct ask_form ask_anthropic_count = {
	.is_chat = true,
	.tables = { &ask_common, &ask_sampling, &table },
	.steps = steps,
	.n_steps = ASK_COUNT(steps) - 1,
};
