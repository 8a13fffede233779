/*
 * The body of OpenAI's responses, but for its input (responses_items.c).
 * Nothing is stored here, so what goes on from something stored is refused.
 */
#include "front/http/askrow.h"

#include "wire/part.h"

#include <stdio.h>

#define INSTRUCTIONS_MAX (1u << 20)
#define WORD_MAX 64

static const struct json_field rows[] = {
	ASK_RAW("input", input),
	ASK_ROW("instructions", STR, instructions, 0, INSTRUCTIONS_MAX),
	ASK_ROW("max_output_tokens", I64, max_tokens, 1, ASK_TOKENS_MAX),
	ASK_ROW("tools", ARRAY, raw.tools, 0, 0),
	ASK_RAW("tool_choice", tool_choice),
	ASK_RAW("parallel_tool_calls", parallel),
	ASK_ROW("text", OBJECT, raw.text, 0, 0),
	ASK_ROW("reasoning", OBJECT, raw.reasoning, 0, 0),
	ASK_ROW("include", ARRAY, raw.include, 0, 64),
	ASK_ROW("top_logprobs", U8, tops, 0, ASK_TOPS_MAX),
	ASK_RAW("previous_response_id", previous),
	ASK_RAW("conversation", conversation), ASK_RAW("prompt", prompt),
	ASK_ROW("background", BOOL, is_background, 0, 0),
	ASK_RAW("chat_template_kwargs", kwargs),
	ASK_RAW("stop", stop), /* llama-server's */
};

static int
read_budget(struct ask *q, struct fail *why)
{
	(void)why;
	if (q->max_tokens > 0)
		q->gen.max_tokens = (uint32_t)q->max_tokens;
	return 0;
}

static int
read_text(struct ask *q, struct fail *why)
{
	static const struct json_field field = { "format", JSON_TO_OBJECT,
		offsetof(struct ask, raw.format), JSON_NULLABLE, 0, 0, NULL };
	static const struct json_how how = { .prefix = "text." };
	int err = 0;

	if (q->raw.text != NULL)
		err = json_read_fields(q->raw.text, &field, 1, &how, q, why);
	if (err == 0)
		err = ask_read_flat_format(q, "text.format", why);
	return err != 0 ? err : ask_read_shape(q, why);
}

static int
read_reasoning(struct ask *q, struct fail *why)
{
	static const struct json_field field = { "effort", JSON_TO_STR,
		offsetof(struct ask, effort), JSON_NULLABLE, 0, WORD_MAX,
		NULL };
	static const struct json_how how = { .prefix = "reasoning." };
	int err = 0;

	if (q->raw.reasoning != NULL)
		err =
		    json_read_fields(q->raw.reasoning, &field, 1, &how, q, why);
	return err != 0 ? err : ask_read_kwargs(q, why);
}

/*
 * Tools
 */

static const struct json_field tool_type_field = { "type", JSON_TO_STR,
	offsetof(struct ask_tool, type), JSON_REQUIRED, 1, 64, NULL };

static const struct json_field tool_fields[] = {
	{ "name", JSON_TO_STR, offsetof(struct ask_tool, name), JSON_REQUIRED,
	    1, ASK_TOOL_NAME_MAX, NULL },
	{ "description", JSON_TO_STR, offsetof(struct ask_tool, description),
	    JSON_NULLABLE, 0, 0, NULL },
	{ "parameters", JSON_TO_OBJECT, offsetof(struct ask_tool, parameters),
	    JSON_NULLABLE, 0, 0, NULL },
};

/* What OpenAI's servers would run themselves is not offered to the model, as
 * in llama-server: agents ask for it in each request. */
static int
read_tool(const struct json_value *v, size_t i, struct ask_tool *ret,
    struct fail *why)
{
	char prefix[32];
	const struct json_how how = { .prefix = prefix };
	int err;

	(void)snprintf(prefix, sizeof(prefix), "tools[%zu].", i);
	err = json_read_fields(v, &tool_type_field, 1, &how, ret, why);
	if (err != 0)
		return err;
	ret->is_skipped = !str_is(ret->type, "function");
	return ret->is_skipped ? 0
			       : json_read_fields(v, tool_fields,
				     ASK_COUNT(tool_fields), &how, ret, why);
}

struct choice_said {
	struct str type;
	struct str name;
};

static const struct json_field choice_fields[] = {
	{ "type", JSON_TO_STR, offsetof(struct choice_said, type),
	    JSON_REQUIRED, 1, 64, NULL },
	{ "name", JSON_TO_STR, offsetof(struct choice_said, name),
	    JSON_NULLABLE, 0, ASK_TOOL_NAME_MAX, NULL },
};

static int
read_choice(struct ask *q, struct str *ret_only, struct fail *why)
{
	static const struct json_how how = { .prefix = "tool_choice." };
	struct choice_said said = { .name = STR("") };
	int err;

	if (json_type(q->raw.tool_choice) != JSON_OBJECT)
		return ask_read_choice_word(q, why);
	err = json_read_fields(q->raw.tool_choice, choice_fields,
	    ASK_COUNT(choice_fields), &how, &said, why);
	if (err != 0)
		return err;
	if (!str_is(said.type, "function") || said.name.n == 0)
		return fail_set(why, ERR_INVALID, "tool_choice",
		    "tool_choice: must be \"auto\", \"none\", \"required\" or "
		    "{\"type\":\"function\",\"name\":...}; type \"%.*s\" is not "
		    "known here",
		    (int)said.type.n, said.type.p);
	q->gen.tool_choice = TOOLS_REQUIRED;
	*ret_only = said.name;
	return 0;
}

static int
read_tools(struct ask *q, struct fail *why)
{
	struct str only = STR("");
	int err = read_choice(q, &only, why);

	if (err == 0)
		err = ask_read_parallel(q, why);
	q->only_tool = only;
	return err != 0 ? err : ask_put_tools(q, read_tool, only, why);
}

/*
 * What is not done here
 */

static int
check_logprobs(struct ask *q, struct fail *why)
{
	struct json_iter it = json_iter(q->raw.include);
	const struct json_value *one;
	struct str word;
	bool wants = q->tops > 0;

	while (json_next(&it, NULL, &one))
		wants |= json_str(one, &word) &&
		    str_is(word, "message.output_text.logprobs");
	return !wants ? 0
		      : fail_set(why, ERR_INVALID, "top_logprobs",
			    "top_logprobs: logprobs are not given here; ask "
			    "/v1/chat/completions for them");
}

static int
check_stored(struct ask *q, struct fail *why)
{
	const struct {
		const struct json_value *v;
		const char *name;
	} stored[] = {
		{ q->raw.previous, "previous_response_id" },
		{ q->raw.conversation, "conversation" },
		{ q->raw.prompt, "prompt" },
	};

	for (size_t i = 0; i < ASK_COUNT(stored); i++)
		if (stored[i].v != NULL)
			return fail_set(why, ERR_INVALID, stored[i].name,
			    "%s: nothing is stored here; send all of it as "
			    "input",
			    stored[i].name);
	return !q->is_background
	    ? 0
	    : fail_set(why, ERR_INVALID, "background",
		  "background: nothing is stored here; wait for the answer, "
		  "or ask for a stream");
}

static const ask_step_fn steps[] = { check_stored, read_budget, ask_read_resume,
	read_reasoning, read_text, read_tools, ask_read_lists, ask_read_lora,
	check_logprobs, ask_read_items };

static const struct ask_table table = { rows, ASK_COUNT(rows) };

const struct ask_form ask_responses = {
	.is_chat = true,
	.tables = { &ask_common, &ask_sampling, &table },
	.steps = steps,
	.n_steps = ASK_COUNT(steps),
};
