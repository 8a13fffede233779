#include "worker/rkllm/ask.h"

#include "worker/knobs.h"

#include "json/read.h"

#include <stdlib.h>
#include <string.h>

#define CONTENT_MAX (64u << 20) /* bytes of a message */

/* A number that the library does not have, and the values that change nothing
 * or that a client sends without a word. */
struct lacking {
	const char *name;
	size_t off;
	float off_value;
	float by_default;
};

#define LACKING(name, off_value, by_default)                         \
	{                                                            \
#name, offsetof(struct gen_submit, name), off_value, \
		    by_default                                       \
	}

static const struct lacking floats[] = {
	LACKING(min_p, 0, 0.05f),
	LACKING(typical_p, 1, 1),
	LACKING(top_n_sigma, -1, -1),
	LACKING(xtc_probability, 0, 0),
	LACKING(dynatemp_range, 0, 0),
	LACKING(dry_multiplier, 0, 0),
};

static int
refuse(struct fail *why, const char *field)
{
	return fail_set(why, ERR_UNSUPPORTED, field,
	    "%s: Rockchip's library, which computes this model, has nothing "
	    "like it; leave it out",
	    field);
}

static int
check_numbers(const struct gen_submit *g, struct fail *why)
{
	for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++) {
		const struct lacking *l = &floats[i];
		float v =
		    *(const float *)(const void *)((const char *)g + l->off);

		if (v < l->off_value || v > l->off_value) {
			if (v < l->by_default || v > l->by_default)
				return refuse(why, l->name);
		}
	}
	return 0;
}

static int
check_lacking(const struct gen_submit *g, struct fail *why)
{
	const struct {
		bool is_asked;
		const char *field;
	} all[] = {
		{ g->grammar.n > 0, "grammar" },
		{ g->json_schema.n > 0, "response_format" },
		{ g->tools.n > 0, "tools" },
		{ g->logit_bias.n > 0, "logit_bias" },
		{ g->want_logprobs != 0, "logprobs" },
		{ g->ignore_eos != 0, "ignore_eos" },
		{ g->adapters.n > 0, "lora" },
		{ g->input == INPUT_EMBEDS, "embed_input" },
		{ g->n_images > 0, "multimodal_input" },
		{ g->template_kwargs.n > 2, "chat_template_kwargs" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].is_asked)
			return refuse(why, all[i].field);
	return check_numbers(g, why);
}

/* A string, or the texts of an array of parts. */
static int
read_content(const struct json_value *v, struct buf *out, struct fail *why)
{
	struct json_iter it = json_iter(v);
	const struct json_value *part;
	struct str text;

	if (json_str(v, &text)) {
		buf_put_str(out, text);
		return 0;
	}
	if (json_type(v) != JSON_ARRAY)
		return fail_set(why, ERR_INVALID, "messages",
		    "messages[0].content: must be a string or an array");
	while (json_next(&it, NULL, &part)) {
		if (!json_str(json_get(part, "text"), &text))
			return fail_set(why, ERR_UNSUPPORTED, "messages",
			    "messages[0].content: this model's engine takes "
			    "text alone");
		buf_put_str(out, text);
	}
	return 0;
}

static int
keep_message(struct ask *a, struct str role, struct str content)
{
	a->role = str_dup(role);
	a->content = str_dup(content);
	return a->role != NULL && a->content != NULL ? 0 : ERR_NOMEM;
}

static int
read_message(struct ask *a, const struct json_value *v, struct fail *why)
{
	struct str role = STR("");
	struct buf content;
	int err;

	(void)json_str(json_get(v, "role"), &role);
	if (!str_is(role, "user") && !str_is(role, "tool"))
		return fail_set(why, ERR_UNSUPPORTED, "role",
		    "role: this model's engine takes \"user\" and \"tool\", "
		    "not \"%.*s\"",
		    (int)(role.n < 32 ? role.n : 32), role.p);
	buf_init(&content, CONTENT_MAX);
	err = read_content(json_get(v, "content"), &content, why);
	if (err == 0)
		err = buf_err(&content);
	if (err == 0 && buf_len(&content) == 0)
		err = fail_set(why, ERR_INVALID, "prompt",
		    "prompt: must not be empty for this model");
	if (err == 0)
		err = keep_message(a, role, buf_str(&content));
	buf_done(&content);
	return err;
}

static int
from_messages(struct ask *a, const struct gen_submit *g, struct fail *why)
{
	struct json_doc *doc;
	struct json_iter it;
	const struct json_value *v = NULL;
	int err = json_parse(
	    g->messages.p, g->messages.n, &json_limits_request, &doc, why);

	if (err != 0)
		return err;
	it = json_iter(json_root(doc));
	if (json_count(json_root(doc)) != 1 || !json_next(&it, NULL, &v))
		err = fail_set(why, ERR_UNSUPPORTED, "messages",
		    "messages: this model's engine takes one message (of role "
		    "user or tool), not %zu",
		    json_count(json_root(doc)));
	else
		err = read_message(a, v, why);
	json_free(doc);
	return err;
}

/* It puts the chat template around every text. */
static int
from_text(struct ask *a, const struct gen_submit *g, struct fail *why)
{
	(void)a;
	(void)g;
	return fail_set(why, ERR_UNSUPPORTED, "prompt",
	    "prompt: this model's engine puts its chat template around every "
	    "text; send a message to /v1/chat/completions, or token ids");
}

static int
from_tokens(struct ask *a, const struct gen_submit *g, struct fail *why)
{
	(void)a;
	return g->tokens.n > 0 ? 0
			       : fail_set(why, ERR_INVALID, "prompt",
				     "prompt: must have at least one token");
}

/* Those of the prompt, if it is of tokens, and those that were delivered: the
 * library is to go on behind them. */
static int
keep_tokens(
    struct ask *a, const struct gen_submit *g, uint32_t n_ctx, struct fail *why)
{
	uint32_t n_given = g->input == INPUT_TOKENS ? g->tokens.n : 0;
	uint64_t n = (uint64_t)n_given + g->done.n;
	int err = knobs_check_tokens(g->tokens, INT32_MAX, "prompt", why);

	if (err == 0)
		err = knobs_check_tokens(g->done, INT32_MAX, "done", why);
	if (err == 0)
		err = msg_check_length("prompt", "", n, n_ctx, why);
	if (err != 0 || n == 0)
		return err;
	a->tokens = malloc(n * sizeof(*a->tokens));
	if (a->tokens == NULL)
		return ERR_NOMEM;
	if (n_given > 0)
		memcpy(a->tokens, g->tokens.p, n_given * sizeof(int32_t));
	if (g->done.n > 0)
		memcpy(a->tokens + n_given, g->done.p,
		    g->done.n * sizeof(int32_t));
	a->n_given = n_given;
	return 0;
}

static void
take_sampling(struct ask *a, const struct gen_submit *g)
{
	a->sampling = (struct lib_sampling){
		.top_k = g->top_k,
		.top_p = g->top_p,
		.temperature = g->temperature,
		.repeat_penalty = g->repeat_penalty,
		.frequency_penalty = g->frequency_penalty,
		.presence_penalty = g->presence_penalty,
		.mirostat = g->mirostat,
		.mirostat_tau = g->mirostat_tau,
		.mirostat_eta = g->mirostat_eta,
	};
	/* What 0 means here, its sampler has not: the likeliest token. */
	if (g->temperature <= 0) {
		a->sampling.top_k = 1;
		a->sampling.temperature = 1;
	}
}

static void
make_job(struct ask *a, const struct gen_submit *g)
{
	const struct lib_input message = { .type = RKLLM_IN_PROMPT,
		.role = a->role,
		.enable_thinking = g->enable_thinking != 0,
		.prompt = a->content };
	const struct lib_input tokens = { .type = RKLLM_IN_TOKEN,
		.role = "user",
		.tokens = { a->tokens, (size_t)a->n_given + g->done.n } };
	bool is_message = a->content != NULL;

	a->job.input = a->tokens != NULL ? tokens : message;
	if (is_message && a->tokens != NULL)
		a->job.parts[a->job.n_parts++] = message;
	a->job.infer = (struct lib_infer){
		.mode = RKLLM_MODE_GENERATE,
		.keep_history = a->job.n_parts > 0,
		.max_new_tokens = (int32_t)(a->max_out - g->done.n),
		.sampling = &a->sampling,
	};
}

static int
count_out(
    struct ask *a, const struct gen_submit *g, uint32_t n_ctx, struct fail *why)
{
	a->max_out = n_ctx - a->n_given;
	if (g->max_tokens > 0 && g->max_tokens < a->max_out)
		a->max_out = g->max_tokens;
	return g->done.n < a->max_out
	    ? 0
	    : fail_set(why, ERR_INVALID, "done",
		  "done: %u tokens, but it was over after %u", g->done.n,
		  a->max_out);
}

int
ask_make(
    struct ask *a, const struct gen_submit *g, uint32_t n_ctx, struct fail *why)
{
	static int (*const from[])(
	    struct ask *, const struct gen_submit *, struct fail *) = {
		[INPUT_PROMPT] = from_text,
		[INPUT_CHAT] = from_messages,
		[INPUT_TOKENS] = from_tokens,
	};
	int err;

	*a = (struct ask){ .role = NULL };
	err = knobs_check(g, INT32_MAX, why);
	if (err == 0)
		err = check_lacking(g, why);
	if (err == 0)
		err = from[g->input](a, g, why);
	if (err == 0)
		err = keep_tokens(a, g, n_ctx, why);
	if (err == 0)
		err = count_out(a, g, n_ctx, why);
	if (err != 0)
		return why->code != 0
		    ? err
		    : fail_set(why, err, NULL, "%s", err_text(err));
	take_sampling(a, g);
	make_job(a, g);
	return 0;
}

void
ask_done(struct ask *a)
{
	free(a->role);
	free(a->content);
	free(a->tokens);
}
