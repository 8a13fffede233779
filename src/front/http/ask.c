/*
 * First the tables put single fields where they belong or, if a table cannot
 * say what they may be, into q->raw; then a list of steps looks at those and
 * at what depends on several fields. So a new field is a row, and what is
 * special about one is a function of its own.
 */
#include "front/http/askprompt.h"
#include "front/http/askrow.h"

#include "front/params.h"
#include "json/write.h"

#include <stdlib.h>

#define SCHEMA_MAX (1u << 20)
#define KWARGS_MAX (64u << 10)
#define GRAMMAR_MAX (256u << 10)
#define TOOLS_MAX (1u << 20)
#define MODEL_NAME_MAX 4096
#define RESUME_MAX 64

static const struct json_field common_rows[] = {
	ASK_ROW("model", STR, model, 0, MODEL_NAME_MAX),
	ASK_ROW("stream", BOOL, is_stream, 0, 0),
};

const struct ask_table ask_common = { common_rows, ASK_COUNT(common_rows) };

static const struct json_field sampling_rows[] = {
	ASK_ROW("seed", I64, gen.seed, 0, 0), /* -1 is UINT64_MAX: drawn */
	ASK_RAW("logit_bias", logit_bias),
	ASK_SAME(temperature, F32, 0, 100),
	ASK_SAME(top_p, F32, 0, 1),
	ASK_SAME(frequency_penalty, F32, -100, 100),
	ASK_SAME(presence_penalty, F32, -100, 100),
	/* llama-server's from here */
	ASK_SAME(top_k, I32, -1, ASK_TOKENS_MAX),
	ASK_SAME(min_p, F32, 0, 1),
	ASK_SAME(typical_p, F32, 0, 1),
	ASK_SAME(top_n_sigma, F32, -1, 1000),
	ASK_SAME(xtc_probability, F32, 0, 1),
	ASK_SAME(xtc_threshold, F32, 0, 1),
	ASK_SAME(dynatemp_range, F32, 0, 100),
	ASK_SAME(dynatemp_exponent, F32, 0, 100),
	ASK_SAME(repeat_last_n, I32, -1, 1 << 24),
	ASK_SAME(repeat_penalty, F32, 0.01, 100),
	ASK_SAME(dry_multiplier, F32, 0, 100),
	ASK_SAME(dry_base, F32, 1, 100),
	ASK_SAME(dry_allowed_length, I32, 0, 1 << 24),
	ASK_SAME(dry_penalty_last_n, I32, -1, 1 << 24),
	ASK_RAW("dry_sequence_breakers", breakers),
	ASK_SAME(mirostat, U8, 0, 2),
	ASK_SAME(mirostat_tau, F32, 0, 100),
	ASK_SAME(mirostat_eta, F32, 0, 100),
	ASK_SAME(ignore_eos, BOOL, 0, 0),
	ASK_SAME(grammar, STR, 0, GRAMMAR_MAX),
	ASK_RAW("json_schema", json_schema),
	ASK_RAW("lora", lora),
	ASK_ROW("reasoning_format", STR, reasoning_format, 0, 64),
	ASK_ROW("t_max_predict_ms", U32, times.predict_ms, 0, 0),
	/* ours */
	ASK_ROW("timeout_ms", U32, times.total_ms, 0, 0),
	ASK_ROW("queue_timeout_ms", U32, times.queue_ms, 0, 0),
	ASK_ROW("first_token_timeout_ms", U32, times.first_ms, 0, 0),
	ASK_ROW("resume", STR, resume, 0, RESUME_MAX),
};

const struct ask_table ask_sampling = { sampling_rows,
	ASK_COUNT(sampling_rows) };

int
ask_read_resume(struct ask *q, struct fail *why)
{
	return params_resume("resume", q->resume, &q->gen.resume_mode, why);
}

static const struct json_field thinking_field = { "enable_thinking",
	JSON_TO_BOOL, offsetof(struct ask, gen.enable_thinking), JSON_NULLABLE,
	0, 0, NULL };

/* What was sent, and what another field says of it. */
static void
put_kwargs(struct ask *q, struct buf *b, bool has_effort)
{
	struct json_iter it = json_iter(q->raw.kwargs);
	const struct json_value *one;
	struct str key;
	bool has_any = has_effort;

	buf_puts(b, "{");
	if (has_effort) {
		buf_puts(b, "\"reasoning_effort\":");
		json_put_str(b, q->effort);
	}
	while (json_next(&it, &key, &one)) {
		if (q->effort.n > 0 && str_is(key, "reasoning_effort"))
			continue;
		buf_puts(b, has_any ? "," : "");
		json_put_str(b, key);
		buf_puts(b, ":");
		json_put_value(b, one);
		has_any = true;
	}
	buf_puts(b, "}");
}

int
ask_read_kwargs(struct ask *q, struct fail *why)
{
	static const struct json_how how = { .prefix =
						 "chat_template_kwargs." };
	struct buf *b = &q->bufs[ASK_KWARGS];
	bool is_off = str_is(q->effort, "none");
	int err = 0;

	if (q->raw.kwargs != NULL)
		err = json_read_fields(
		    q->raw.kwargs, &thinking_field, 1, &how, q, why);
	if (is_off)
		q->gen.enable_thinking = 0;
	if (err != 0 || (q->raw.kwargs == NULL && q->effort.n == 0))
		return err;
	put_kwargs(q, b, q->effort.n > 0 && !is_off);
	q->gen.template_kwargs = buf_str(b);
	return buf_err(b);
}

/* llama-server's words; what it calls legacy has the reasoning twice. */
static int
read_reasoning_format(struct ask *q, struct fail *why)
{
	static const char *const apart[] = { "auto", "deepseek" };

	q->gen.apart = q->gen.goes_on = q->form->is_chat;
	if (q->reasoning_format.n == 0)
		return 0;
	for (size_t i = 0; i < ASK_COUNT(apart); i++)
		if (str_is(q->reasoning_format, apart[i]))
			return 0;
	q->gen.apart = 0;
	return str_is(q->reasoning_format, "none")
	    ? 0
	    : fail_set(why, ERR_INVALID, "reasoning_format",
		  "reasoning_format: must be \"auto\", \"deepseek\" or "
		  "\"none\", not \"%.*s\"",
		  (int)q->reasoning_format.n, q->reasoning_format.p);
}

/* How large what a request points to may get, once written again. */
static const size_t buf_max[ASK_NBUFS] = {
	[ASK_STOPS] = ASK_STOPS_MAX * (ASK_STOP_BYTES + 4),
	[ASK_BREAKERS] = ASK_STOPS_MAX * (ASK_STOP_BYTES + 4),
	[ASK_BIASES] = ASK_BIASES_MAX * sizeof(struct bias),
	[ASK_SCHEMA] = SCHEMA_MAX,
	[ASK_MESSAGES] = 64u << 20,
	[ASK_KWARGS] = KWARGS_MAX,
	[ASK_TOOLS] = TOOLS_MAX,
	[ASK_ADAPTERS] = WORKER_ADAPTERS_MAX * sizeof(struct bias),
};

static void
init(struct ask *q, const struct ask_form *form)
{
	*q = (struct ask){ .form = form,
		.is_stream = form->is_stream,
		.n = 1,
		.n_prompts = 1,
		.max_tokens = -1,
		.max_completion_tokens = -1,
		.n_predict = -1,
		.thoughts = -1,
		.tops = -1,
		.model = STR(""),
		.instructions = STR(""),
		.effort = STR(""),
		.reasoning_format = STR(""),
		.only_tool = STR(""),
		.resume = STR("") };
	params_default(&q->gen);
	for (size_t i = 0; i < ASK_NBUFS; i++)
		buf_init(&q->bufs[i], buf_max[i]);
}

static int
parse(struct ask *q, struct str body, struct fail *why)
{
	struct fail inner;
	int err;

	if (body.n == 0)
		return fail_set(why, ERR_INVALID, NULL,
		    "the request needs a JSON object as its body");
	err = json_parse(body.p, body.n, &json_limits_request, &q->doc, &inner);
	if (err == ERR_NOMEM)
		return fail_set(why, err, NULL, "out of memory");
	if (err != 0)
		return fail_set(why, ERR_INVALID, NULL,
		    "the body is no JSON that is accepted: %s", inner.text);
	return 0;
}

static int
read_tables(struct ask *q, struct fail *why)
{
	const struct json_value *root = json_root(q->doc);
	const struct ask_table *const *t = q->form->tables;
	int err = 0;

	if (json_type(root) != JSON_OBJECT)
		return fail_set(why, ERR_INVALID, NULL,
		    "the body must be a JSON object, not of type %s",
		    json_type_name(json_type(root)));
	for (; err == 0 && *t != NULL; t++)
		err = json_read_fields(root, (*t)->rows, (*t)->n, NULL, q, why);
	return err;
}

/* A step that ran out of memory or room says so by its number alone. */
static int
run_steps(struct ask *q, struct fail *why)
{
	int err = 0;

	why->code = 0;
	err = read_reasoning_format(q, why);
	for (size_t i = 0; i < q->form->n_steps && err == 0; i++)
		err = q->form->steps[i](q, why);
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
ask_parse(struct ask *q, const struct ask_form *form, struct str body,
    struct fail *why)
{
	int err;

	init(q, form);
	err = parse(q, body, why);
	return err != 0 ? err : read_tables(q, why);
}

int
ask_read(struct ask *q, const struct ask_limits *limits, struct fail *why)
{
	int err = run_steps(q, why);

	if (err == 0 && !q->form->is_chat)
		err = (q->form->prompts != NULL
			? q->form->prompts
			: ask_read_prompts)(q, limits, why);
	if (err == 0 && (uint64_t)q->n * q->n_prompts > limits->gens_max)
		return fail_set(why, ERR_INVALID, "n",
		    "n: a request may have %u choices in all, not %llu",
		    limits->gens_max, (unsigned long long)q->n * q->n_prompts);
	return err;
}

void
ask_done(struct ask *q)
{
	for (uint32_t i = 0; q->prompts != NULL && i < q->n_prompts; i++)
		ask_prompt_done(&q->prompts[i]);
	free(q->prompts);
	for (size_t i = 0; i < ASK_NBUFS; i++)
		buf_done(&q->bufs[i]);
	json_free(q->doc);
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
ask_choice(const struct ask *q, uint32_t i)
{
	struct gen_submit g = q->gen;

	g.seed = seed_of(g.seed, i);
	if (q->form->is_chat) {
		g.input = INPUT_CHAT;
		return g;
	}
	ask_prompt_put(&q->prompts[i / q->n], &g);
	return g;
}
