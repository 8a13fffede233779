/*
 * A conversation goes on at the level of tokens: what its KV cache has stays as
 * it is, and the new turn is put behind it. So nothing of what was said is
 * tokenized again, which might give other tokens than the model drew.
 */
#include "worker/llama/prompt.h"

#include "worker/llama/embeds.h"
#include "worker/llama/parts.h"
#include "worker/llama/text.h"

#include "wire/window.h"

#include <stdlib.h>
#include <string.h>

#define RENDERED_MAX (128u << 20) /* bytes that a template may make */

/* What prompts are made from, and into. */
struct making {
	const struct model *m;
	const struct gen_submit *g;
	struct prompt *ret;
	struct fail *why;
};

static int
tokenize(const struct making *k, struct str text, bool add_special,
    const char *field, uint32_t *ret_n)
{
	const struct text_to to = { k->m, k->ret->room, k->ret->n_room, ret_n,
		k->g->plain_special };

	*ret_n = 0;
	if (k->ret->may_be_empty)
		return text_append(&to, text, add_special, field, k->why);
	return k->g->n_images > 0
	    ? text_with_images(&to, k->g, text, add_special, field, k->why)
	    : text_tokenize(&to, text, add_special, field, k->why);
}

static bool
has_history(const struct gen_submit *g)
{
	return g->history.n > 0 || (g->resume && g->turns.n > 0);
}

static int
render(const struct making *k, struct chat_ask *ask, struct buf *out)
{
	const struct gen_submit *g = k->g;

	ask->system = g->system;
	ask->kwargs = g->template_kwargs;
	ask->tools = g->tools;
	ask->schema = g->json_schema;
	ask->choice = (enum tool_choice)g->tool_choice;
	ask->parallel = (enum parallel_calls)g->parallel_calls;
	ask->enable_thinking = g->enable_thinking;
	/* A grammar of the client's own rules all that is said. */
	ask->may_go_on = g->goes_on;
	ask->is_apart = g->apart && g->grammar.n == 0;
	ask->is_unanswered |= g->is_unanswered != 0;
	return chat_render(k->m->chat, ask, out, &k->ret->form, k->why);
}

static int
render_all(const struct making *k, struct buf *out)
{
	struct chat_ask ask = { .messages = k->g->messages,
		.has_history = has_history(k->g) };

	return render(k, &ask, out);
}

/* The text of the system prompt alone; empty where the template has none. */
static void
render_system(const struct making *k, struct buf *out)
{
	struct chat_ask ask = { .messages = STR("[]"), .is_unanswered = true };
	struct prompt none = { 0 };
	struct fail why;
	const struct making alone = { k->m, k->g, &none, &why };

	if (render(&alone, &ask, out) != 0)
		buf_reset(out);
	chat_form_free(none.form);
}

/* How many tokens of the prompt, which is in room, its system prompt is. Where
 * the two meet, a token may be of both: it is of the rest. */
static uint32_t
count_system(const struct making *k, struct str system, bool add_special)
{
	uint32_t n = 0, at = 0;
	int32_t *room = calloc(k->m->n_ctx, sizeof(*room));
	const struct text_to to = { k->m, room, k->m->n_ctx, &n, false };
	struct fail why;

	if (room == NULL)
		return 0;
	if (system.n > 0 &&
	    text_tokenize(&to, system, add_special, "system", &why) != 0)
		n = 0;
	while (at < n && at < k->ret->n && room[at] == k->ret->room[at])
		at++;
	free(room);
	return at;
}

static int
from_text(const struct making *k)
{
	const struct gen_submit *g = k->g;
	bool is_first = g->history.n == 0;
	struct buf text;
	int err;

	buf_init(&text, RENDERED_MAX);
	if (is_first)
		buf_put_str(&text, g->system);
	buf_put_str(&text, g->prompt);
	err = buf_err(&text);
	if (err == 0)
		err = tokenize(k, buf_str(&text), g->add_special && is_first,
		    "prompt", &k->ret->n);
	buf_done(&text);
	if (err == 0 && is_first && g->cache_key != 0)
		k->ret->n_system = count_system(k, g->system, g->add_special);
	return err;
}

static int
from_chat(const struct making *k)
{
	bool is_first = k->g->history.n == 0;
	struct buf text;
	int err;

	buf_init(&text, RENDERED_MAX);
	err = render_all(k, &text);
	if (err == 0)
		err = tokenize(
		    k, buf_str(&text), is_first, "messages", &k->ret->n);
	if (err == 0 && is_first && k->g->cache_key != 0) {
		buf_reset(&text);
		render_system(k, &text);
		k->ret->n_system = count_system(k, buf_str(&text), true);
	}
	buf_done(&text);
	return err;
}

/* In a record from outside there are none but ids; what goes on may have
 * embeddings among them. */
static int
check_tokens(const struct making *k, struct i32s tokens, const char *field)
{
	uint32_t n = 0;
	int err = embeds_count(k->m, k->g, &n, k->why);

	return err != 0
	    ? err
	    : embeds_check_tokens(tokens, k->m->n_vocab, n, field, k->why);
}

static int
from_embeds(const struct making *k)
{
	const char *field = "embed";
	uint32_t n = 0, old = k->g->n_old_embeds;
	int err = embeds_count(k->m, k->g, &n, k->why);

	if (err != 0)
		return err;
	n -= old;
	if (n == 0)
		return fail_set(k->why, ERR_INVALID, field,
		    "%s: must have at least one row", field);
	err = msg_check_length(field, "", n, k->ret->n_room, k->why);
	if (err != 0)
		return err;
	for (uint32_t i = 0; i < n; i++)
		k->ret->room[i] = embed_token(old + i);
	k->ret->n = n;
	return 0;
}

static int
from_tokens(const struct making *k)
{
	const char *field = "prompt";
	struct i32s tokens = k->g->tokens;
	int err = check_tokens(k, tokens, field);

	if (err != 0)
		return err;
	if (tokens.n == 0)
		return fail_set(k->why, ERR_INVALID, field,
		    "%s: must have at least one token", field);
	err = msg_check_length(field, "", tokens.n, k->ret->n_room, k->why);
	if (err != 0)
		return err;
	memcpy(k->ret->room, tokens.p, tokens.n * sizeof(*k->ret->room));
	k->ret->n = tokens.n;
	return 0;
}

/* Its tokens are known; how the answer of a chat with tools, or of one that
 * thinks, is formed and read is not. */
static int
from_resume(const struct making *k)
{
	struct buf text;
	int err = 0;

	if (!msg_turns_fit(k->g->turns, k->g->tokens.n))
		return fail_set(k->why, ERR_INVALID, "turns",
		    "turns: not in %u tokens", k->g->tokens.n);
	k->ret->turns = k->g->turns;
	if (k->g->tools.n > 0 || (k->g->apart && k->g->messages.n > 0)) {
		buf_init(&text, RENDERED_MAX);
		err = render_all(k, &text);
		buf_done(&text);
	}
	return err != 0 ? err : from_tokens(k);
}

/* A copy, cut as often as it takes for n_new tokens more and one of an answer
 * to fit. *ret_n: what is left of it. */
static int
cut_history(
    const struct making *k, uint32_t n_new, int32_t *copy, uint32_t *ret_n)
{
	const struct gen_submit *g = k->g;
	uint32_t n = g->history.n, most = k->m->n_ctx - n_new - 1;
	uint32_t n_first = g->turns.n > 0 ? (uint32_t)g->turns.p[0] : n;

	if (n > most && !g->may_shift)
		return fail_set(k->why, ERR_CONTEXT, "keep_history",
		    "keep_history: a conversation of %u tokens and %u more, "
		    "which with one of an answer do not fit in a context of "
		    "%u; clear_kv_cache begins anew",
		    n, n_new, k->m->n_ctx);
	memcpy(copy, g->history.p, n * sizeof(*copy));
	while (n > most && n > 1)
		n = window_apply(window_cut(n, g->n_keep, n_first), copy, n);
	*ret_n = n > most ? 0 : n;
	return 0;
}

/* Puts the conversation in front of the tokens in room. What was cut has no
 * turns any more: it is computed anew, as one prompt. */
static int
add_history(const struct making *k)
{
	const struct gen_submit *g = k->g;
	uint32_t n_new = k->ret->n, n = 0;
	int32_t *copy;
	int err = check_tokens(k, g->history, "history");

	if (err == 0 && !msg_turns_fit(g->turns, g->history.n))
		err = fail_set(k->why, ERR_INVALID, "turns",
		    "turns: not in %u tokens", g->history.n);
	if (err != 0)
		return err;
	copy = malloc(((size_t)g->history.n + 1) * sizeof(*copy));
	if (copy == NULL)
		return ERR_NOMEM;
	err = cut_history(k, n_new, copy, &n);
	if (err == 0) {
		memmove(k->ret->room + n, k->ret->room, n_new * sizeof(*copy));
		memcpy(k->ret->room, copy, n * sizeof(*copy));
		k->ret->n += n;
		if (n == g->history.n)
			k->ret->turns = g->turns;
	}
	free(copy);
	return err;
}

bool
prompt_is_given(const struct gen_submit *g)
{
	return g->resume && g->tokens.n > 0;
}

static int
from_parts(const struct making *k)
{
	const struct text_to to = { k->m, k->ret->room, k->ret->n_room,
		&k->ret->n, k->g->plain_special };
	int err = parts_tokens(&to, k->g, k->why);

	if (err != 0 || k->ret->n > 0 || k->ret->may_be_empty)
		return err;
	return fail_set(k->why, ERR_INVALID, "prompt",
	    "prompt: must have at least one token");
}

int
prompt_tokens(const struct model *m, const struct gen_submit *g,
    struct prompt *ret, struct fail *why)
{
	static int (*const from[INPUT_END])(const struct making *) = {
		[INPUT_PROMPT] = from_text,
		[INPUT_CHAT] = from_chat,
		[INPUT_TOKENS] = from_tokens,
		[INPUT_EMBEDS] = from_embeds,
		[INPUT_MIXED] = from_parts,
		[INPUT_INFILL] = from_parts,
		[INPUT_PAIR] = from_parts,
	};
	const struct making k = { m, g, ret, why };
	int err;

	if (prompt_is_given(g))
		return from_resume(&k);
	err = from[g->input](&k);
	return err == 0 && g->history.n > 0 ? add_history(&k) : err;
}

int
prompt_text(const struct model *m, const struct gen_submit *g, struct buf *out,
    struct fail *why)
{
	struct prompt none = { 0 };
	const struct making k = { m, g, &none, why };
	int err = render_all(&k, out);

	chat_form_free(none.form);
	return err;
}
