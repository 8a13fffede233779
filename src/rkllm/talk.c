#include "rkllm/talk.h"
#include "wire/i32s.h"

#include "wire/embed.h"
#include "wire/window.h"

#define HISTORY_MAX (64u * MIB) /* bytes */
#define TURNS_MAX 2048u		/* ends: with more it is one long prompt */

void
talk_init(struct talk *t, uint64_t key)
{
	*t = (struct talk){ .key = key };
	buf_init(&t->history, HISTORY_MAX);
	buf_init(&t->turns, TURNS_MAX * sizeof(int32_t));
	buf_init(&t->embeds, HISTORY_MAX);
}

void
talk_done(struct talk *t)
{
	buf_done(&t->history);
	buf_done(&t->turns);
	buf_done(&t->embeds);
}

uint32_t
talk_size(const struct talk *t)
{
	return i32s_in(&t->history).n;
}

int
talk_fill(const struct talk *t, struct buf *mem, struct gen_submit *g)
{
	g->cache_key = t->key;
	/* A system prompt alone is rendered with the first turn. */
	if (!t->has_begun)
		return 0;
	g->history = i32s_in(&t->history);
	g->turns = i32s_in(&t->turns);
	if (buf_len(&t->embeds) == 0)
		return 0;
	if (g->n_row > 0 && g->n_row != t->row / sizeof(float))
		return ERR_INVALID;
	g->n_row = (uint32_t)(t->row / sizeof(float));
	g->n_old_embeds = (uint32_t)(buf_len(&t->embeds) / t->row);
	buf_put_str(mem, buf_str(&t->embeds));
	buf_put_str(mem, g->embeds);
	g->embeds = buf_str(mem);
	return buf_err(mem);
}

/* Of the embeddings only those that history speaks of, numbered in its order.
 */
static void
settle_embeds(struct talk *t, struct str from)
{
	int32_t *tokens = (int32_t *)(void *)buf_data(&t->history);
	size_t n_rows = t->row > 0 ? from.n / t->row : 0;
	struct buf kept;
	uint32_t n = 0;

	buf_init(&kept, HISTORY_MAX);
	for (uint32_t i = 0; n_rows > 0 && i < talk_size(t); i++) {
		if (!embed_is(tokens[i]) || embed_row(tokens[i]) >= n_rows)
			continue;
		buf_put(&kept, from.p + embed_row(tokens[i]) * t->row, t->row);
		tokens[i] = embed_token(n++);
	}
	buf_done(&t->embeds);
	t->embeds = kept;
}

/* Whether all rows that the prompt speaks of are there, and the answer speaks
 * of none: both are a worker's word. */
static bool
has_rows(const struct talk_turn *turn)
{
	size_t n_rows = turn->row > 0 ? turn->embeds.n / turn->row : 0;

	for (uint32_t i = 0; i < turn->prompt.n; i++)
		if (embed_is(turn->prompt.p[i]) &&
		    embed_row(turn->prompt.p[i]) >= n_rows)
			return false;
	for (uint32_t i = 0; i < turn->out.n; i++)
		if (embed_is(turn->out.p[i]))
			return false;
	return true;
}

static void
add_end(struct talk *t, uint32_t end)
{
	buf_put_i32(&t->turns, (int32_t)end);
}

/* The tokens of the answer, as the engine took them: where the context is full
 * and more is to come, it shifts. Returns where the prompt ends then. */
static uint32_t
add_answer(struct talk *t, const struct talk_turn *turn)
{
	uint32_t n_prompt = turn->prompt.n, n = n_prompt;

	for (uint32_t i = 0; i < turn->out.n; i++) {
		struct window_cut cut;

		buf_put_i32(&t->history, turn->out.p[i]);
		if (++n != turn->n_ctx || !turn->may_shift ||
		    i + 1 == turn->out.n || buf_err(&t->history) != 0)
			continue;
		cut = window_cut(n, turn->n_keep, turn->prompt.n);
		n = window_apply(
		    cut, (int32_t *)(void *)buf_data(&t->history), n);
		buf_truncate(&t->history, (size_t)n * sizeof(int32_t));
		buf_reset(&t->turns);
		n_prompt = n;
	}
	return n_prompt;
}

int
talk_add(struct talk *t, const struct talk_turn *turn)
{
	uint32_t n_prompt;

	if (!has_rows(turn)) {
		talk_clear(t, false);
		return ERR_INTERNAL;
	}
	buf_reset(&t->history);
	buf_reset(&t->turns);
	t->row = turn->row;
	buf_put_i32s(&t->history, turn->prompt);
	if (turn->turns.n + 2 <= TURNS_MAX)
		buf_put_i32s(&t->turns, turn->turns);
	n_prompt = add_answer(t, turn);
	add_end(t, n_prompt);
	add_end(t, talk_size(t));
	if (!t->has_begun)
		t->n_system = turn->n_system;
	if (t->n_system > talk_size(t))
		t->n_system = talk_size(t);
	t->has_begun = true;
	settle_embeds(t, turn->embeds);
	if (buf_err(&t->history) == 0 && buf_err(&t->turns) == 0 &&
	    buf_err(&t->embeds) == 0)
		return 0;
	talk_clear(t, false);
	return ERR_NOMEM;
}

size_t
talk_bytes(const struct talk *t)
{
	return t->history.cap + t->turns.cap + t->embeds.cap;
}

void
talk_clear(struct talk *t, bool keep_system)
{
	uint32_t n = keep_system ? t->n_system : 0;

	buf_reset(&t->turns);
	if (n == 0)
		buf_reset(&t->history);
	else
		buf_truncate(&t->history, (size_t)n * sizeof(int32_t));
	if (n == 0)
		buf_trim(&t->history);
	t->n_system = n;
	t->has_begun = false;
	buf_reset(&t->embeds); /* a system prompt has none */
	buf_trim(&t->embeds);
}

/* What is behind the cut was computed with what is gone: it becomes part of
 * the next prompt. */
static void
drop_turns(struct talk *t, uint32_t from)
{
	struct i32s all = i32s_in(&t->turns);
	uint32_t n = 0;

	while (n + 2 <= all.n && (uint32_t)all.p[n + 1] <= from)
		n += 2;
	buf_truncate(&t->turns, (size_t)n * sizeof(int32_t));
}

int
talk_may_cut(
    const struct talk *t, uint32_t from, uint32_t end, struct fail *why)
{
	uint32_t n = talk_size(t);

	if (from <= end && end <= n)
		return 0;
	return fail_set(why, ERR_INVALID, "start_pos",
	    "start_pos, end_pos: [%u, %u) is not in the %u tokens of the KV "
	    "cache",
	    from, end, n);
}

int
talk_cut(struct talk *t, uint32_t from, uint32_t end, struct fail *why)
{
	uint32_t n = talk_size(t);
	int err = talk_may_cut(t, from, end, why);

	if (err != 0)
		return err;
	n = window_apply((struct window_cut){ from, end - from },
	    (int32_t *)(void *)buf_data(&t->history), n);
	buf_truncate(&t->history, (size_t)n * sizeof(int32_t));
	drop_turns(t, from);
	if (from < t->n_system)
		t->n_system -= (end < t->n_system ? end : t->n_system) - from;
	t->has_begun = t->has_begun && n > 0;
	settle_embeds(t, buf_str(&t->embeds));
	return buf_err(&t->embeds);
}
