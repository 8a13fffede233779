/*
 * The bodies of llama-server's own completions and of its code with a hole.
 * What would change an answer and cannot be had is refused; what says only how
 * it is computed (cache_prompt, id_slot, n_cache_reuse ...) is passed over.
 */
#include "front/http/askprompt.h"
#include "front/http/askrow.h"
#include "front/http/llama_own.h"
#include "front/http/promptin.h"

#include <stdlib.h>

#define INPUT_MAX (64u << 20)
#define FILES_MAX 4096u

static const struct json_field rows[] = {
	ASK_RAW("prompt", prompt),
	ASK_RAW("stop", stop),
	ASK_ROW("n_cmpl", U32, n, 1, ASK_N_MAX),
	ASK_ROW("n_predict", I64, n_predict, -1, ASK_TOKENS_MAX),
	ASK_ROW("max_tokens", I64, max_tokens, -1, ASK_TOKENS_MAX),
	ASK_ROW("max_completion_tokens", I64, max_completion_tokens, -1,
	    ASK_TOKENS_MAX),
	ASK_ROW("logprobs", U8, tops, 0, ASK_TOPS_MAX),
	ASK_ROW("n_probs", U8, tops, 0, ASK_TOPS_MAX),
};

static const struct ask_table table = { rows, ASK_COUNT(rows) };

#define OWN(name, kind, member, max)                                      \
	{                                                                 \
		name, JSON_TO_##kind, offsetof(struct llama_own, member), \
		    JSON_NULLABLE, 0, max, NULL                           \
	}

static const struct json_field own_rows[] = {
	OWN("samplers", ANY, samplers, 0),
	OWN("response_fields", ARRAY, fields, 64),
	OWN("input_prefix", ANY, prefix, 0),
	OWN("input_suffix", ANY, suffix, 0),
	OWN("input_extra", ARRAY, extra, FILES_MAX),
	OWN("n_indent", U32, n_indent, 0),
	OWN("min_keep", U32, min_keep, 0),
	OWN("post_sampling_probs", BOOL, post_sampling_probs, 0),
	OWN("return_tokens", BOOL, return_tokens, 0),
	OWN("timings_per_token", BOOL, timings_per_token, 0),
	OWN("return_progress", BOOL, return_progress, 0),
};

int
llama_read_own(const struct ask *q, struct llama_own *ret, struct fail *why)
{
	*ret = (struct llama_own){ 0 };
	return json_read_fields(
	    json_root(q->doc), own_rows, ASK_COUNT(own_rows), NULL, ret, why);
}

static int
check_fields(const struct json_value *list, struct fail *why)
{
	struct json_iter it = json_iter(list);
	const struct json_value *one;
	char shown[JSON_SHOW_SIZE];

	while (json_next(&it, NULL, &one))
		if (json_type(one) != JSON_STRING)
			return fail_set(why, ERR_INVALID, "response_fields",
			    "response_fields: must hold names, not %s",
			    json_show(one, shown));
	return 0;
}

static int
check_own(const struct llama_own *own, struct fail *why)
{
	const struct {
		const char *name;
		bool is_there;
		const char *text;
	} all[] = {
		{ "n_indent", own->n_indent > 0,
		    "lines of a least indentation are not supported" },
		{ "min_keep", own->min_keep > 1,
		    "more than one are not supported: the samplers keep what "
		    "they keep" },
		{ "post_sampling_probs", own->post_sampling_probs,
		    "probabilities are those before the samplers; leave it "
		    "out" },
	};

	for (size_t i = 0; i < ASK_COUNT(all); i++)
		if (all[i].is_there)
			return fail_set(why, ERR_UNSUPPORTED, all[i].name,
			    "%s: %s", all[i].name, all[i].text);
	return check_fields(own->fields, why);
}

static int
read_own(struct ask *q, struct fail *why)
{
	struct llama_own own;
	int err = llama_read_own(q, &own, why);

	if (err == 0)
		err = check_own(&own, why);
	if (err == 0)
		err = llama_read_samplers(q, own.samplers, why);
	q->gen.want_prompt = 1;
	q->gen.want_progress = own.return_progress && q->is_stream;
	return err;
}

static int64_t
budget_of(const struct ask *q)
{
	return q->n_predict >= 0 ? q->n_predict
	    : q->max_tokens >= 0 ? q->max_tokens
				 : q->max_completion_tokens;
}

bool
llama_wants_none(const struct ask *q)
{
	return budget_of(q) == 0;
}

/* By any of its names. None is one, as there: the prompt is computed, and what
 * comes out of that is said. */
static int
read_budget(struct ask *q, struct fail *why)
{
	int64_t n = budget_of(q);

	(void)why;
	if (n >= 0)
		q->gen.max_tokens = n > 0 ? (uint32_t)n : 1;
	return 0;
}

static int
read_probs(struct ask *q, struct fail *why)
{
	(void)why;
	if (q->tops > 0) {
		q->gen.want_logprobs = 1;
		q->gen.n_top_logprobs = (uint8_t)q->tops;
	}
	return 0;
}

/* Drawn here, so that the answer can say which it was. */
static int
read_seed(struct ask *q, struct fail *why)
{
	(void)why;
	if (q->gen.seed == UINT64_MAX)
		q->gen.seed = arc4random();
	return 0;
}

static const ask_step_fn steps[] = { read_own, read_budget, read_probs,
	read_seed, ask_read_resume, ask_read_shape, ask_read_lists,
	ask_read_lora };

static int
read_one(struct ask *q, struct promptin *in, const struct json_value *v,
    struct ask_prompt *p, struct fail *why)
{
	struct gen_submit g = { 0 };
	int err = promptin_read(in, v, "prompt", &g, why);

	(void)q;
	if (err != 0)
		return err;
	if (ask_prompt_copy(p, &g) != 0)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	return 0;
}

static int
make_prompts(
    struct ask *q, size_t n, const struct ask_limits *limits, struct fail *why)
{
	if (n == 0)
		return fail_set(
		    why, ERR_INVALID, "prompt", "\"prompt\" must not be empty");
	if (n > limits->gens_max)
		return fail_set(why, ERR_INVALID, "prompt",
		    "prompt: a request may have %u prompts, not %zu",
		    limits->gens_max, n);
	q->prompts = calloc(n, sizeof(*q->prompts));
	if (q->prompts == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	q->n_prompts = (uint32_t)n;
	return 0;
}

static int
read_prompts(struct ask *q, const struct ask_limits *limits, struct fail *why)
{
	const struct json_value *v = q->raw.prompt, *one = v;
	bool is_many = promptin_are_many(v);
	struct json_iter it = json_iter(v);
	struct promptin in;
	int err;

	if (v == NULL)
		return fail_set(
		    why, ERR_INVALID, "prompt", "prompt: is required");
	err = make_prompts(q, is_many ? json_count(v) : 1, limits, why);
	promptin_init(&in);
	for (uint32_t i = 0; err == 0 && i < q->n_prompts; i++) {
		if (is_many)
			(void)json_next(&it, NULL, &one);
		err = read_one(q, &in, one, &q->prompts[i], why);
	}
	promptin_done(&in);
	return err;
}

/*
 * Code with a hole
 */

static int
put_text(struct buf *b, const struct json_value *v, const char *name,
    const char *otherwise, struct fail *why)
{
	char shown[JSON_SHOW_SIZE];
	struct str text = STR("");

	if (v == NULL && otherwise == NULL)
		return fail_set(
		    why, ERR_INVALID, name, "\"%s\" is required", name);
	if (v == NULL)
		text = str_of(otherwise);
	else if (!json_str(v, &text))
		return fail_set(why, ERR_INVALID, name,
		    "\"%s\" must be a string, not %s", name,
		    json_show(v, shown));
	strs_put(b, text);
	return 0;
}

/* {"text": ..., "filename": ...} each. */
static int
put_files(struct buf *b, const struct json_value *list, struct fail *why)
{
	struct json_iter it = json_iter(list);
	const struct json_value *one;
	int err = 0;

	while (err == 0 && json_next(&it, NULL, &one)) {
		err = put_text(b, json_get(one, "filename"),
		    "input_extra[].filename", "tmp", why);
		if (err == 0)
			err = put_text(b, json_get(one, "text"),
			    "input_extra[].text", NULL, why);
	}
	return err;
}

static int
put_infill(struct buf *b, const struct ask *q, const struct llama_own *own,
    struct fail *why)
{
	int err = put_text(b, own->prefix, "input_prefix", NULL, why);

	if (err == 0)
		err = put_text(b, own->suffix, "input_suffix", NULL, why);
	if (err == 0)
		err = put_text(b, q->raw.prompt, "prompt", "", why);
	return err != 0 ? err : put_files(b, own->extra, why);
}

static int
read_infill(struct ask *q, const struct ask_limits *limits, struct fail *why)
{
	struct gen_submit g = { .input = INPUT_INFILL, .prompt = STR("") };
	struct llama_own own;
	struct buf parts;
	int err = llama_read_own(q, &own, why);

	buf_init(&parts, INPUT_MAX);
	if (err == 0)
		err = make_prompts(q, 1, limits, why);
	if (err == 0)
		err = put_infill(&parts, q, &own, why);
	g.parts = (struct strs){ buf_str(&parts) };
	if (err == 0 &&
	    (buf_err(&parts) != 0 || ask_prompt_copy(&q->prompts[0], &g) != 0))
		err = fail_set(why, ERR_NOMEM, NULL, "out of memory");
	buf_done(&parts);
	return err;
}

const struct ask_form ask_llama = {
	.tables = { &ask_common, &ask_sampling, &table },
	.steps = steps,
	.n_steps = ASK_COUNT(steps),
	.prompts = read_prompts,
};

const struct ask_form ask_infill = {
	.tables = { &ask_common, &ask_sampling, &table },
	.steps = steps,
	.n_steps = ASK_COUNT(steps),
	.prompts = read_infill,
};
