#include "worker/llama/prompt.h"

#include "worker/knobs.h"

#include "base/utf8.h"

#include <string.h>

#define RENDERED_MAX (128u << 20) /* bytes that a template may make */

/* A text that is too long is not tokenized where its bytes alone show it. */
static int
tokenize(const struct model *m, struct str text, bool add_special,
    const char *field, int32_t *room, uint32_t *ret_n, struct fail *why)
{
	uint64_t least = m->longest > 0 ? text.n / m->longest : 0;
	size_t at;
	int32_t n;
	int err;

	if (!utf8_valid(text.p, text.n, &at))
		return fail_set(why, ERR_INVALID, field,
		    "%s: not UTF-8 at byte %zu", field, at);
	err = msg_check_length(field, "at least ", least, m->n_ctx, why);
	if (err != 0)
		return err;
	n = llama_tokenize(m->vocab, text.p, (int32_t)text.n, room,
	    (int32_t)m->n_ctx, add_special, true);
	if (n == INT32_MIN)
		return fail_set(why, ERR_CONTEXT, field,
		    "%s: too long to be counted", field);
	/* Below 0 it is how many there would be. */
	err = msg_check_length(field, "",
	    n < 0 ? (uint64_t) - (int64_t)n : (uint64_t)n, m->n_ctx, why);
	if (err != 0)
		return err;
	if (n == 0)
		return fail_set(why, ERR_INVALID, field,
		    "%s: must not be empty for this model", field);
	*ret_n = (uint32_t)n;
	return 0;
}

static int
from_text(const struct model *m, const struct gen_submit *g, int32_t *room,
    uint32_t *ret_n, struct chat_form **ret_form, struct fail *why)
{
	(void)ret_form;
	return tokenize(
	    m, g->prompt, g->add_special, "prompt", room, ret_n, why);
}

static int
render(const struct model *m, const struct gen_submit *g, struct buf *out,
    struct chat_form **ret_form, struct fail *why)
{
	const struct chat_ask ask = {
		.messages = g->messages,
		.kwargs = g->template_kwargs,
		.tools = g->tools,
		.schema = g->json_schema,
		.choice = (enum tool_choice)g->tool_choice,
		.parallel = (enum parallel_calls)g->parallel_calls,
		.enable_thinking = g->enable_thinking,
	};

	return chat_render(m->chat, &ask, out, ret_form, why);
}

static int
from_chat(const struct model *m, const struct gen_submit *g, int32_t *room,
    uint32_t *ret_n, struct chat_form **ret_form, struct fail *why)
{
	struct buf text;
	int err;

	buf_init(&text, RENDERED_MAX);
	err = render(m, g, &text, ret_form, why);
	if (err == 0)
		err = tokenize(
		    m, buf_str(&text), true, "messages", room, ret_n, why);
	buf_done(&text);
	return err;
}

static int
from_tokens(const struct model *m, const struct gen_submit *g, int32_t *room,
    uint32_t *ret_n, struct chat_form **ret_form, struct fail *why)
{
	const char *field = "prompt";
	int err = knobs_check_tokens(g->tokens, m->n_vocab, field, why);

	(void)ret_form;
	if (err != 0)
		return err;
	if (g->tokens.n == 0)
		return fail_set(why, ERR_INVALID, field,
		    "%s: must have at least one token", field);
	err = msg_check_length(field, "", g->tokens.n, m->n_ctx, why);
	if (err != 0)
		return err;
	memcpy(room, g->tokens.p, g->tokens.n * sizeof(*room));
	*ret_n = g->tokens.n;
	return 0;
}

/* Of a chat that goes on: its tokens are known, how its answer is formed and
 * read is not. */
static int
from_tokens_of_chat(const struct model *m, const struct gen_submit *g,
    int32_t *room, uint32_t *ret_n, struct chat_form **ret_form,
    struct fail *why)
{
	struct buf text;
	int err;

	buf_init(&text, RENDERED_MAX);
	err = render(m, g, &text, ret_form, why);
	buf_done(&text);
	return err != 0 ? err : from_tokens(m, g, room, ret_n, ret_form, why);
}

bool
prompt_is_given(const struct gen_submit *g)
{
	return g->resume && g->tokens.n > 0;
}

int
prompt_tokens(const struct model *m, const struct gen_submit *g, int32_t *room,
    uint32_t *ret_n, struct chat_form **ret_form, struct fail *why)
{
	static int (*const from[])(const struct model *,
	    const struct gen_submit *, int32_t *, uint32_t *,
	    struct chat_form **, struct fail *) = {
		[INPUT_PROMPT] = from_text,
		[INPUT_CHAT] = from_chat,
		[INPUT_TOKENS] = from_tokens,
	};

	*ret_form = NULL;
	if (!prompt_is_given(g))
		return from[g->input](m, g, room, ret_n, ret_form, why);
	return (g->tools.n > 0 ? from_tokens_of_chat : from_tokens)(
	    m, g, room, ret_n, ret_form, why);
}
