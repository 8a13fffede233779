/*
 * First the tables put single fields where they belong or, if a table cannot
 * say what they may be, into o->raw; then a list of steps looks at those and
 * at what depends on several fields. So a new field is a row, and what is
 * special about one is a function of its own.
 */
#include "front/http/openai.h"

#include "front/params.h"
#include "json/write.h"

#include <stdlib.h>
#include <string.h>

#define SCHEMA_MAX (1u << 20)
#define KWARGS_MAX (64u << 10)
#define GRAMMAR_MAX (256u << 10)
#define TOOLS_MAX (1u << 20)
#define MODEL_NAME_MAX 4096
#define RESUME_MAX 64
#define TOKENS_MAX 2147483647.0
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ROW(name, kind, member, min, max)                              \
	{                                                              \
		name, JSON_TO_##kind, offsetof(struct openai, member), \
		    JSON_NULLABLE, min, max, NULL                      \
	}
#define RAW(name, member) ROW(name, ANY, raw.member, 0, 0)
#define SAMPLING(member, kind, min, max) \
	ROW(#member, kind, gen.member, min, max)

/* Both kinds of request. */
static const struct json_field common_fields[] = {
	ROW("model", STR, model, 0, MODEL_NAME_MAX),
	ROW("stream", BOOL, is_stream, 0, 0),
	RAW("stream_options", stream_options),
	ROW("n", U32, n, 1, OPENAI_N_MAX),
	ROW("max_tokens", I64, max_tokens, -1, TOKENS_MAX),
	ROW("n_predict", I64, n_predict, -1, TOKENS_MAX),
	ROW("seed", I64, gen.seed, 0, 0), /* -1 is UINT64_MAX: drawn */
	RAW("stop", stop),
	RAW("logit_bias", logit_bias),
	RAW("response_format", response_format),
	SAMPLING(temperature, F32, 0, 100),
	SAMPLING(top_p, F32, 0, 1),
	SAMPLING(frequency_penalty, F32, -100, 100),
	SAMPLING(presence_penalty, F32, -100, 100),
	/* llama-server's from here */
	SAMPLING(top_k, I32, -1, TOKENS_MAX),
	SAMPLING(min_p, F32, 0, 1),
	SAMPLING(typical_p, F32, 0, 1),
	SAMPLING(top_n_sigma, F32, -1, 1000),
	SAMPLING(xtc_probability, F32, 0, 1),
	SAMPLING(xtc_threshold, F32, 0, 1),
	SAMPLING(dynatemp_range, F32, 0, 100),
	SAMPLING(dynatemp_exponent, F32, 0, 100),
	SAMPLING(repeat_last_n, I32, -1, 1 << 24),
	SAMPLING(repeat_penalty, F32, 0.01, 100),
	SAMPLING(dry_multiplier, F32, 0, 100),
	SAMPLING(dry_base, F32, 1, 100),
	SAMPLING(dry_allowed_length, I32, 0, 1 << 24),
	SAMPLING(dry_penalty_last_n, I32, -1, 1 << 24),
	RAW("dry_sequence_breakers", breakers),
	SAMPLING(mirostat, U8, 0, 2),
	SAMPLING(mirostat_tau, F32, 0, 100),
	SAMPLING(mirostat_eta, F32, 0, 100),
	SAMPLING(ignore_eos, BOOL, 0, 0),
	SAMPLING(grammar, STR, 0, GRAMMAR_MAX),
	RAW("json_schema", json_schema),
	RAW("lora", lora),
	ROW("t_max_predict_ms", U32, times.predict_ms, 0, 0),
	/* ours */
	ROW("timeout_ms", U32, times.total_ms, 0, 0),
	ROW("queue_timeout_ms", U32, times.queue_ms, 0, 0),
	ROW("first_token_timeout_ms", U32, times.first_ms, 0, 0),
	ROW("resume", STR, resume, 0, RESUME_MAX),
};

static const struct json_field completion_fields[] = {
	RAW("prompt", prompt),
	RAW("suffix", suffix),
	ROW("echo", BOOL, is_echo, 0, 0),
	ROW("best_of", U32, best_of, 1, OPENAI_N_MAX),
	ROW("logprobs", U8, tops, 0, OPENAI_TOPS_MAX),
};

static const struct json_field chat_fields[] = {
	RAW("messages", messages),
	ROW("max_completion_tokens", I64, max_completion_tokens, -1,
	    TOKENS_MAX),
	ROW("logprobs", BOOL, gen.want_logprobs, 0, 0),
	ROW("top_logprobs", U8, tops, 0, OPENAI_TOPS_MAX),
	RAW("chat_template_kwargs", kwargs),
	ROW("tools", ARRAY, raw.tools, 0, 0),
	ROW("functions", ARRAY, raw.functions, 0, 0),
	RAW("tool_choice", tool_choice),
	RAW("parallel_tool_calls", parallel),
};

static const struct json_field usage_fields[] = {
	ROW("include_usage", BOOL, wants_usage, 0, 0),
};

static int
read_stream_options(struct openai *o, struct fail *why)
{
	static const struct json_how how = { .prefix = "stream_options." };

	if (o->raw.stream_options == NULL)
		return 0;
	if (!o->is_stream)
		return fail_set(why, ERR_INVALID, "stream_options",
		    "stream_options: is only for requests with stream true");
	return json_read_fields(o->raw.stream_options, usage_fields,
	    COUNT(usage_fields), &how, o, why);
}

/* The budget by any of its three names; -1 and absent are "no limit". */
static int
read_budget(struct openai *o, struct fail *why)
{
	const struct {
		const char *name;
		int64_t value;
	} names[] = {
		{ "n_predict", o->n_predict },
		{ "max_tokens", o->max_tokens },
		{ "max_completion_tokens", o->max_completion_tokens },
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		if (names[i].value == 0)
			return fail_set(why, ERR_INVALID, names[i].name,
			    "%s: must be a whole number of at least 1, or -1 "
			    "for no limit, not 0",
			    names[i].name);
		if (names[i].value > 0)
			o->gen.max_tokens = (uint32_t)names[i].value;
	}
	return 0;
}

static int
read_resume(struct openai *o, struct fail *why)
{
	return params_resume("resume", o->resume, &o->gen.resume_mode, why);
}

static int
read_logprobs(struct openai *o, struct fail *why)
{
	if (o->tops < 0)
		return 0;
	if (!o->is_chat)
		o->gen.want_logprobs = 1;
	if (!o->gen.want_logprobs)
		return fail_set(why, ERR_INVALID, "top_logprobs",
		    "top_logprobs: is only for requests with logprobs true");
	o->gen.n_top_logprobs = (uint8_t)o->tops;
	return 0;
}

static int
check_completion(struct openai *o, struct fail *why)
{
	struct str suffix;

	if (o->raw.suffix != NULL &&
	    (!json_str(o->raw.suffix, &suffix) || suffix.n > 0))
		return fail_set(why, ERR_INVALID, "suffix",
		    "suffix: inserting text is not supported");
	if (o->best_of != 0 && o->best_of != o->n)
		return fail_set(why, ERR_INVALID, "best_of",
		    "best_of: must be the same as n, which is %u, not %u", o->n,
		    o->best_of);
	if (o->is_echo && o->gen.want_logprobs)
		return fail_set(why, ERR_INVALID, "echo",
		    "echo: is not supported together with logprobs");
	return 0;
}

/*
 * What is particular to chat
 */

static const struct json_field thinking_field = { "enable_thinking",
	JSON_TO_BOOL, offsetof(struct openai, gen.enable_thinking),
	JSON_NULLABLE, 0, 0, NULL };

static int
read_kwargs(struct openai *o, struct fail *why)
{
	static const struct json_how how = { .prefix =
						 "chat_template_kwargs." };
	struct buf *b = &o->bufs[OPENAI_KWARGS];
	int err;

	if (o->raw.kwargs == NULL)
		return 0;
	err = json_read_fields(o->raw.kwargs, &thinking_field, 1, &how, o, why);
	if (err != 0)
		return err;
	json_put_value(b, o->raw.kwargs);
	o->gen.template_kwargs = buf_str(b);
	return buf_err(b);
}

typedef int (*step_fn)(struct openai *o, struct fail *why);

static const step_fn completion_steps[] = { read_stream_options, read_budget,
	read_resume, read_logprobs, check_completion, openai_read_shape,
	openai_read_lists, openai_read_lora };

static const step_fn chat_steps[] = { read_stream_options, read_budget,
	read_resume, read_logprobs, read_kwargs, openai_read_shape,
	openai_read_tools, openai_read_lists, openai_read_lora,
	openai_read_messages };

/* How large what a request points to may get, once written again. */
static const size_t buf_max[OPENAI_NBUFS] = {
	[OPENAI_STOPS] = OPENAI_STOPS_MAX * (OPENAI_STOP_BYTES + 4),
	[OPENAI_BREAKERS] = OPENAI_STOPS_MAX * (OPENAI_STOP_BYTES + 4),
	[OPENAI_BIASES] = OPENAI_BIASES_MAX * sizeof(struct bias),
	[OPENAI_SCHEMA] = SCHEMA_MAX,
	[OPENAI_MESSAGES] = 64u << 20,
	[OPENAI_KWARGS] = KWARGS_MAX,
	[OPENAI_TOOLS] = TOOLS_MAX,
	[OPENAI_ADAPTERS] = WORKER_ADAPTERS_MAX * sizeof(struct bias),
};

static void
init(struct openai *o, bool is_chat)
{
	*o = (struct openai){ .is_chat = is_chat,
		.n = 1,
		.n_prompts = 1,
		.max_tokens = -1,
		.max_completion_tokens = -1,
		.n_predict = -1,
		.tops = -1,
		.model = STR(""),
		.resume = STR("") };
	params_default(&o->gen);
	for (size_t i = 0; i < OPENAI_NBUFS; i++)
		buf_init(&o->bufs[i], buf_max[i]);
}

static int
parse(struct openai *o, struct str body, struct fail *why)
{
	struct fail inner;
	int err;

	if (body.n == 0)
		return fail_set(why, ERR_INVALID, NULL,
		    "the request needs a JSON object as its body");
	err = json_parse(body.p, body.n, &json_limits_request, &o->doc, &inner);
	if (err == ERR_NOMEM)
		return fail_set(why, err, NULL, "out of memory");
	if (err != 0)
		return fail_set(why, ERR_INVALID, NULL,
		    "the body is no JSON that is accepted: %s", inner.text);
	return 0;
}

static int
read_tables(struct openai *o, struct fail *why)
{
	const struct json_field *fields =
	    o->is_chat ? chat_fields : completion_fields;
	size_t n = o->is_chat ? COUNT(chat_fields) : COUNT(completion_fields);
	const struct json_value *root = json_root(o->doc);
	int err;

	if (json_type(root) != JSON_OBJECT)
		return fail_set(why, ERR_INVALID, NULL,
		    "the body must be a JSON object, not of type %s",
		    json_type_name(json_type(root)));
	err = json_read_fields(
	    root, common_fields, COUNT(common_fields), NULL, o, why);
	return err != 0 ? err : json_read_fields(root, fields, n, NULL, o, why);
}

/* A step that ran out of memory or room says so by its number alone. */
static int
run_steps(struct openai *o, struct fail *why)
{
	const step_fn *steps = o->is_chat ? chat_steps : completion_steps;
	size_t n = o->is_chat ? COUNT(chat_steps) : COUNT(completion_steps);
	int err = 0;

	why->code = 0;
	for (size_t i = 0; i < n && err == 0; i++)
		err = steps[i](o, why);
	if (err == ERR_TOO_BIG && why->code == 0)
		return fail_set(why, ERR_INVALID, NULL,
		    "a schema may have %u bytes, chat_template_kwargs %u, tools "
		    "%u",
		    SCHEMA_MAX, KWARGS_MAX, TOOLS_MAX);
	if (err != 0 && why->code == 0)
		return fail_set(why, err, NULL, "%s", err_text(err));
	return err;
}

int
openai_parse(struct openai *o, bool is_chat, struct str body, struct fail *why)
{
	int err;

	init(o, is_chat);
	err = parse(o, body, why);
	return err != 0 ? err : read_tables(o, why);
}

int
openai_read(
    struct openai *o, const struct openai_limits *limits, struct fail *why)
{
	int err = run_steps(o, why);

	if (err == 0 && !o->is_chat)
		err = openai_read_prompts(o, limits, why);
	if (err == 0 && (uint64_t)o->n * o->n_prompts > limits->gens_max)
		return fail_set(why, ERR_INVALID, "n",
		    "n: a request may have %u choices in all, not %llu",
		    limits->gens_max, (unsigned long long)o->n * o->n_prompts);
	return err;
}

void
openai_done(struct openai *o)
{
	for (uint32_t i = 0; o->prompts != NULL && i < o->n_prompts; i++)
		free((void *)(uintptr_t)o->prompts[i].tokens.p);
	free(o->prompts);
	for (size_t i = 0; i < OPENAI_NBUFS; i++)
		buf_done(&o->bufs[i]);
	json_free(o->doc);
}

/* Choices differ by their seeds, and so do runs of them where none is given. */
static uint64_t
seed_of(uint64_t seed, uint32_t i)
{
	if (seed == UINT64_MAX)
		return seed;
	seed += i;
	return seed == UINT64_MAX ? 0 : seed;
}

struct gen_submit
openai_choice(const struct openai *o, uint32_t i)
{
	struct gen_submit g = o->gen;
	const struct openai_prompt *p;

	g.seed = seed_of(g.seed, i);
	if (o->is_chat) {
		g.input = INPUT_CHAT;
		return g;
	}
	p = &o->prompts[i / o->n];
	g.input = p->text.p != NULL ? INPUT_PROMPT : INPUT_TOKENS;
	g.prompt = p->text;
	g.tokens = p->tokens;
	return g;
}
