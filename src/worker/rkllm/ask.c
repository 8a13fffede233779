#include "worker/rkllm/ask.h"

#include "worker/knobs.h"

#include "json/read.h"

#include <stdlib.h>
#include <string.h>

#define CONTENT_MAX ((1u << 24) - 1) /* bytes of a message */
#define NUMBERS_MAX (128u << 20)     /* bytes of a conversation's numbers */

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
		{ g->tools.n > 0 && !g->plain_calls, "tools" },
		{ g->adapters.n > 1, "lora" },
		{ g->logit_bias.n > 0, "logit_bias" },
		{ g->want_logprobs != 0, "logprobs" },
		{ g->ignore_eos != 0, "ignore_eos" },
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

/* A piece of what the library is to read: a text, which is taken over, or tokens
 * that are in a->tokens from at on. */
static void
add_text(struct ask *a, enum memo_kind kind, bool enable_thinking, char *text)
{
	const struct lib_input in = { .type = RKLLM_IN_PROMPT,
		.role = kind == MEMO_TOOL ? "tool" : "user",
		.enable_thinking = enable_thinking,
		.prompt = text };

	buf_put(&a->texts, &text, sizeof(text));
	if (buf_err(&a->texts) != 0)
		free(text);
	else
		buf_put(&a->inputs, &in, sizeof(in));
}

static struct lib_input *
inputs_of(const struct ask *a, size_t *ret_n)
{
	*ret_n = buf_len(&a->inputs) / sizeof(struct lib_input);
	return (struct lib_input *)(void *)(uintptr_t)buf_data(&a->inputs);
}

/* Where tokens come after tokens they are one piece. They are found by their
 * place until all are there, for they move. */
static void
add_tokens(struct ask *a, struct i32s v)
{
	const struct lib_input in = {
		.type = RKLLM_IN_TOKEN, .role = "user", .tokens = { NULL, v.n }
	};
	size_t n;
	struct lib_input *all = inputs_of(a, &n);

	if (v.n == 0)
		return;
	buf_put(&a->tokens, v.p, v.n * sizeof(*v.p));
	if (n > 0 && all[n - 1].type == RKLLM_IN_TOKEN)
		all[n - 1].tokens.n_tokens += v.n;
	else
		buf_put(&a->inputs, &in, sizeof(in));
}

static void
place_tokens(struct ask *a)
{
	int32_t *at = (int32_t *)(void *)(uintptr_t)buf_data(&a->tokens);
	size_t n;
	struct lib_input *all = inputs_of(a, &n);

	for (size_t i = 0; i < n; i++) {
		if (all[i].type != RKLLM_IN_TOKEN)
			continue;
		all[i].tokens.input_ids = at;
		at += all[i].tokens.n_tokens;
	}
}

/* All that was said before, as numbers. */
static int
add_history(struct ask *a, struct i32s v, struct fail *why)
{
	struct memo m;
	int err;

	while ((err = memo_next(&v, &m)) == 0) {
		if (m.text != NULL)
			add_text(a, m.kind, m.enable_thinking, m.text);
		else
			add_tokens(a, m.tokens);
	}
	if (err == ERR_INVALID)
		return fail_set(why, ERR_UNSUPPORTED, "keep_history",
		    "keep_history: a range was cut out of the conversation, or "
		    "its context was full, in the middle of a text that this "
		    "model's engine keeps whole; clear_kv_cache without a "
		    "range begins another");
	return err == ERR_EOF ? 0 : err;
}

/* What is new. Of a turn it is also written down. */
static int
add_said(struct ask *a, const struct gen_submit *g, enum memo_kind kind,
    struct str text)
{
	char *copy = str_dup(text);

	if (copy == NULL)
		return ERR_NOMEM;
	add_text(a, kind, g->enable_thinking != 0, copy);
	if (a->key != 0)
		memo_put(&a->prompt, kind, g->enable_thinking != 0, text);
	return 0;
}

static int
read_message(struct ask *a, const struct gen_submit *g,
    const struct json_value *v, struct fail *why)
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
		err =
		    add_said(a, g, str_is(role, "tool") ? MEMO_TOOL : MEMO_USER,
			buf_str(&content));
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
		err = read_message(a, g, v, why);
	json_free(doc);
	return err;
}

/* The library puts a template around every text: here one of nothing but the
 * system prompt. */
static int
from_text(struct ask *a, const struct gen_submit *g, struct fail *why)
{
	if (g->prompt.n == 0 || g->prompt.n > CONTENT_MAX)
		return fail_set(why, ERR_INVALID, "prompt",
		    "prompt: must have 1 to %u bytes", CONTENT_MAX);
	if (memchr(g->prompt.p, '\0', g->prompt.n) != NULL)
		return fail_set(
		    why, ERR_INVALID, "prompt", "prompt: may hold no NUL byte");
	return add_said(a, g, MEMO_RAW, g->prompt);
}

static int
from_tokens(struct ask *a, const struct gen_submit *g, struct fail *why)
{
	int err = knobs_check_tokens(g->tokens, MEMO_WORDS, "prompt", why);

	if (err != 0)
		return err;
	if (g->tokens.n == 0)
		return fail_set(why, ERR_INVALID, "prompt",
		    "prompt: must have at least one token");
	add_tokens(a, g->tokens);
	buf_put(&a->prompt, g->tokens.p, g->tokens.n * sizeof(int32_t));
	return 0;
}

static bool
is_kept(const struct gen_submit *g, const struct ask_kept *kept)
{
	return kept->key != 0 && kept->key == g->cache_key &&
	    kept->n == g->history.n && kept->hash == memo_hash(0, g->history);
}

/* A turn that goes on has all of its conversation in tokens. */
static int
add_all(struct ask *a, const struct gen_submit *g, const struct ask_kept *kept,
    struct fail *why)
{
	static int (*const from[])(
	    struct ask *, const struct gen_submit *, struct fail *) = {
		[INPUT_PROMPT] = from_text,
		[INPUT_CHAT] = from_messages,
		[INPUT_TOKENS] = from_tokens,
	};
	int err = 0;

	if (a->key != 0 && g->resume && g->tokens.n > 0) {
		buf_put(&a->prompt, g->tokens.p, g->tokens.n * sizeof(int32_t));
		return add_history(a, g->tokens, why);
	}
	buf_put(&a->prompt, g->history.p, g->history.n * sizeof(int32_t));
	a->job.goes_on = is_kept(g, kept);
	if (!a->job.goes_on)
		err = add_history(a, g->history, why);
	return err != 0 ? err : from[g->input](a, g, why);
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

struct i32s
ask_prompt(const struct ask *a)
{
	return (
	    struct i32s){ (const int32_t *)(const void *)buf_data(&a->prompt),
		(uint32_t)(buf_len(&a->prompt) / sizeof(int32_t)) };
}

/* A text that is no message has a template of nothing but the system prompt;
 * one with tools has the model's. */
static int
take_system(struct ask *a, const struct gen_submit *g)
{
	if (g->input != INPUT_PROMPT && g->tools.n == 0)
		return 0;
	a->system = str_dup(g->system);
	a->tools = g->tools.n > 0 ? str_dup(g->tools) : NULL;
	a->mark = str_dup(g->tool_mark);
	a->job.system = a->system;
	a->job.tools = a->tools;
	a->job.mark = a->mark;
	return a->system != NULL && a->mark != NULL &&
		(a->tools != NULL) == (g->tools.n > 0)
	    ? 0
	    : ERR_NOMEM;
}

static void
make_job(struct ask *a, const struct gen_submit *g)
{
	static const enum rkllm_mode modes[] = {
		[MODE_GENERATE] = RKLLM_MODE_GENERATE,
		[MODE_HIDDEN] = RKLLM_MODE_HIDDEN,
		[MODE_LOGITS] = RKLLM_MODE_LOGITS,
	};
	size_t n;
	const struct lib_input *all = inputs_of(a, &n);

	place_tokens(a);
	a->job.parts = all;
	a->job.n_parts = (uint32_t)n - 1;
	a->job.input = &all[n - 1];
	a->job.row = g->rows_done;
	a->job.infer = (struct lib_infer){
		.mode = modes[g->mode],
		.keep_history = n > 1 || a->key != 0,
		.max_new_tokens = (int32_t)(a->max_out - g->done.n),
		.sampling = &a->sampling,
	};
	if (g->adapters.n == 1)
		a->lora = (struct ask_lora){ (uint32_t)g->adapters.p[0].token,
			g->adapters.p[0].bias };
}

/* The front counts what it was told of the prompt. */
static int
count_out(
    struct ask *a, const struct gen_submit *g, uint32_t n_ctx, struct fail *why)
{
	uint32_t n = ask_prompt(a).n;
	int err = msg_check_length("prompt", "", n, n_ctx, why);

	if (err != 0)
		return err;
	if (g->input == INPUT_TOKENS && a->key == 0)
		a->n_prompt = n;
	a->max_out = n_ctx - n;
	if (g->max_tokens > 0 && g->max_tokens < a->max_out)
		a->max_out = g->max_tokens;
	return g->done.n < a->max_out
	    ? 0
	    : fail_set(why, ERR_INVALID, "done",
		  "done: %u tokens, but it was over after %u", g->done.n,
		  a->max_out);
}

static int
check(const struct ask *a, const struct gen_submit *g, struct fail *why)
{
	int err = knobs_check(g, INT32_MAX, why);

	if (err == 0 && g->mode >= MODE_COUNT)
		err = fail_set(
		    why, ERR_INVALID, "mode", "mode: there is no %u", g->mode);
	/* How many rows a text has, only the library knows. */
	if (err == 0 && g->mode != MODE_GENERATE && a->key != 0)
		err = fail_set(why, ERR_UNSUPPORTED, "keep_history",
		    "keep_history: not with modes 1 and 2 on this model's "
		    "engine");
	if (err == 0)
		err = knobs_check_tokens(g->done, MEMO_WORDS, "done", why);
	if (err == 0 && g->cache_key == 0 && g->history.n > 0)
		err = fail_set(
		    why, ERR_INVALID, "history", "history: of no conversation");
	return err != 0 ? err : check_lacking(g, why);
}

static int
bufs_err(const struct ask *a)
{
	const struct buf *const all[] = { &a->prompt, &a->inputs, &a->texts,
		&a->tokens };
	int err = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && err == 0; i++)
		err = buf_err(all[i]);
	return err;
}

int
ask_make(struct ask *a, const struct gen_submit *g, uint32_t n_ctx,
    const struct ask_kept *kept, struct fail *why)
{
	int err;

	*a = (struct ask){ .key = g->cache_key };
	buf_init(&a->prompt, NUMBERS_MAX);
	buf_init(&a->inputs, NUMBERS_MAX);
	buf_init(&a->texts, NUMBERS_MAX);
	buf_init(&a->tokens, NUMBERS_MAX);
	err = check(a, g, why);
	if (err == 0)
		err = add_all(a, g, kept, why);
	if (err == 0)
		add_tokens(a, g->done);
	if (err == 0)
		err = bufs_err(a);
	if (err == 0)
		err = take_system(a, g);
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
	char *text;

	for (size_t i = 0; i + sizeof(text) <= buf_len(&a->texts);
	     i += sizeof(text)) {
		memcpy(&text, buf_data(&a->texts) + i, sizeof(text));
		free(text);
	}
	free(a->system);
	free(a->tools);
	free(a->mark);
	buf_done(&a->prompt);
	buf_done(&a->inputs);
	buf_done(&a->texts);
	buf_done(&a->tokens);
}
