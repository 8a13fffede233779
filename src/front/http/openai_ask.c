/*
 * The bodies of OpenAI's completions and chat, with llama-server's fields.
 */
#include "front/http/askrow.h"

/* Both kinds of request. */
static const struct json_field both_rows[] = {
	ASK_RAW("stream_options", stream_options),
	ASK_ROW("n", U32, n, 1, ASK_N_MAX),
	ASK_ROW("max_tokens", I64, max_tokens, -1, ASK_TOKENS_MAX),
	ASK_ROW("n_predict", I64, n_predict, -1, ASK_TOKENS_MAX),
	ASK_RAW("stop", stop),
	ASK_RAW("response_format", response_format),
};

static const struct json_field completion_rows[] = {
	ASK_RAW("prompt", prompt),
	ASK_RAW("suffix", suffix),
	ASK_ROW("echo", BOOL, is_echo, 0, 0),
	ASK_ROW("best_of", U32, best_of, 1, ASK_N_MAX),
	ASK_ROW("logprobs", U8, tops, 0, ASK_TOPS_MAX),
};

static const struct json_field chat_rows[] = {
	ASK_RAW("messages", messages),
	ASK_ROW("max_completion_tokens", I64, max_completion_tokens, -1,
	    ASK_TOKENS_MAX),
	ASK_ROW("logprobs", BOOL, gen.want_logprobs, 0, 0),
	ASK_ROW("top_logprobs", U8, tops, 0, ASK_TOPS_MAX),
	ASK_RAW("chat_template_kwargs", kwargs),
	ASK_ROW("reasoning_effort", STR, effort, 0, 64),
	ASK_ROW("thinking_budget_tokens", I64, thoughts, -1, ASK_TOKENS_MAX),
	ASK_ROW("reasoning_budget_tokens", I64, thoughts, -1, ASK_TOKENS_MAX),
	ASK_ROW("modalities", ARRAY, raw.modalities, 0, 16),
	ASK_RAW("audio", audio),
	ASK_RAW("web_search_options", web_search),
	ASK_ROW("tools", ARRAY, raw.tools, 0, 0),
	ASK_ROW("functions", ARRAY, raw.functions, 0, 0),
	ASK_RAW("tool_choice", tool_choice),
	ASK_RAW("parallel_tool_calls", parallel),
};

static const struct json_field usage_fields[] = {
	ASK_ROW("include_usage", BOOL, wants_usage, 0, 0),
};

static int
read_stream_options(struct ask *q, struct fail *why)
{
	static const struct json_how how = { .prefix = "stream_options." };

	if (q->raw.stream_options == NULL)
		return 0;
	if (!q->is_stream)
		return fail_set(why, ERR_INVALID, "stream_options",
		    "stream_options: is only for requests with stream true");
	return json_read_fields(q->raw.stream_options, usage_fields,
	    ASK_COUNT(usage_fields), &how, q, why);
}

/* The budget by any of its three names; -1 and absent are "no limit". */
static int
read_budget(struct ask *q, struct fail *why)
{
	const struct {
		const char *name;
		int64_t value;
	} names[] = {
		{ "n_predict", q->n_predict },
		{ "max_tokens", q->max_tokens },
		{ "max_completion_tokens", q->max_completion_tokens },
	};

	for (size_t i = 0; i < ASK_COUNT(names); i++) {
		if (names[i].value == 0)
			return fail_set(why, ERR_INVALID, names[i].name,
			    "%s: must be a whole number of at least 1, or -1 "
			    "for no limit, not 0",
			    names[i].name);
		if (names[i].value > 0)
			q->gen.max_tokens = (uint32_t)names[i].value;
	}
	return 0;
}

static int
read_logprobs(struct ask *q, struct fail *why)
{
	if (q->tops < 0)
		return 0;
	if (!q->form->is_chat)
		q->gen.want_logprobs = 1;
	if (!q->gen.want_logprobs)
		return fail_set(why, ERR_INVALID, "top_logprobs",
		    "top_logprobs: is only for requests with logprobs true");
	q->gen.n_top_logprobs = (uint8_t)q->tops;
	return 0;
}

static int
check_completion(struct ask *q, struct fail *why)
{
	struct str suffix;

	if (q->raw.suffix != NULL &&
	    (!json_str(q->raw.suffix, &suffix) || suffix.n > 0))
		return fail_set(why, ERR_INVALID, "suffix",
		    "suffix: inserting text is not supported");
	if (q->best_of != 0 && q->best_of != q->n)
		return fail_set(why, ERR_INVALID, "best_of",
		    "best_of: must be the same as n, which is %u, not %u", q->n,
		    q->best_of);
	if (q->is_echo && q->gen.want_logprobs)
		return fail_set(why, ERR_INVALID, "echo",
		    "echo: is not supported together with logprobs");
	return 0;
}

/* A budget in between would have to end the thinking; nobody does. */
static int
read_thoughts(struct ask *q, struct fail *why)
{
	if (q->thoughts > 0)
		return fail_set(why, ERR_INVALID, "thinking_budget_tokens",
		    "thinking_budget_tokens: must be 0, for no thinking, or -1 "
		    "for any; other budgets are not supported");
	if (q->thoughts == 0)
		q->gen.enable_thinking = 0;
	return 0;
}

/* What only OpenAI's servers do, and an answer without it would not be the one
 * that was asked for. */
static int
check_elsewhere(struct ask *q, struct fail *why)
{
	struct json_iter it = json_iter(q->raw.modalities);
	const struct json_value *one;
	struct str word;

	while (json_next(&it, NULL, &one))
		if (!json_str(one, &word) || !str_is(word, "text"))
			return fail_set(why, ERR_INVALID, "modalities",
			    "modalities: only \"text\" is given here");
	if (q->raw.audio != NULL)
		return fail_set(why, ERR_INVALID, "audio",
		    "audio: only text is given here");
	if (q->raw.web_search != NULL)
		return fail_set(why, ERR_INVALID, "web_search_options",
		    "web_search_options: nothing is searched for here; offer a "
		    "tool that does");
	return 0;
}

static const ask_step_fn completion_steps[] = { read_stream_options,
	read_budget, ask_read_resume, read_logprobs, check_completion,
	ask_read_shape, ask_read_lists, ask_read_lora };

static const ask_step_fn chat_steps[] = { read_stream_options, read_budget,
	ask_read_resume, read_logprobs, ask_read_kwargs, ask_read_shape,
	ask_read_tools, ask_read_lists, ask_read_lora, read_thoughts,
	check_elsewhere, ask_read_messages };

#define TABLE(rows)                   \
	&(const struct ask_table)     \
	{                             \
		rows, ASK_COUNT(rows) \
	}

const struct ask_form ask_openai_completion = {
	.tables = { &ask_common, &ask_sampling, TABLE(both_rows),
	    TABLE(completion_rows) },
	.steps = completion_steps,
	.n_steps = ASK_COUNT(completion_steps),
};

const struct ask_form ask_openai_chat = {
	.is_chat = true,
	.tables = { &ask_common, &ask_sampling, TABLE(both_rows),
	    TABLE(chat_rows) },
	.steps = chat_steps,
	.n_steps = ASK_COUNT(chat_steps),
};
