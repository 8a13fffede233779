#include "worker/llama/gen.h"

#include "worker/grammar.h"
#include "worker/knobs.h"
#include "worker/llama/decode.h"
#include "worker/llama/prompt.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "wire/window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define GRAMMAR_MAX (4u << 20) /* bytes of a schema's grammar */
#define BREAKERS_MAX 64u
#define PIECE_ROOM 4096u
#define SHOWN_MAX (4u << 20) /* bytes of a prompt that is shown */
#define STOPS_MAX (1u << 20) /* bytes */

/* The bytes of a token, as far as this generation shows them. */
static struct str
piece_of(const struct gen *g, int32_t token, char *room, size_t n)
{
	bool special =
	    g->sampler.knobs.special_text || tools_is_text(&g->tools, token);

	return model_piece(g->m, token, special, room, n);
}

/* Whether the text so far and then this token is UTF-8, or the start of it. */
static bool
can_follow(const struct gen *g, int32_t token)
{
	char text[sizeof(g->emit.carry) + PIECE_ROOM];
	size_t n = g->emit.n_carry;
	int len = 1;

	memcpy(text, g->emit.carry, n);
	n += piece_of(g, token, text + n, PIECE_ROOM).n;
	for (size_t at = 0; at < n && len > 0; at += (size_t)len)
		len = utf8_next(text + at, n - at);
	return len != 0;
}

/* llama.cpp's grammars take overlong forms and surrogates for the characters
 * that they stand for. They can be no text, so they are forbidden here. */
static int
on_grammar(void *arg, struct cand *v, size_t n)
{
	struct gen *g = arg;
	int err = grammar_sieve(g->grammar, v, n);

	for (size_t i = 0; err == 0 && i < n; i++)
		if (v[i].logit > -INFINITY && !can_follow(g, v[i].id))
			v[i].logit = -INFINITY;
	return err;
}

static void
on_dry(void *arg, struct cand *v, size_t n)
{
	struct gen *g = arg;
	llama_token_data_array all = { (llama_token_data *)(void *)v, n, -1,
		false };

	llama_sampler_apply(g->dry, &all);
}

static void
use_grammar(struct gen *g, struct llama_sampler *grammar)
{
	g->grammar = grammar;
	if (grammar != NULL)
		g->sampler.hooks.grammar = on_grammar;
}

static int
add_grammar_of_tools(struct gen *g, struct fail *why)
{
	struct llama_sampler *grammar;
	int err = tools_grammar(&g->tools, g->m->vocab, &grammar, why);

	if (err == 0)
		use_grammar(g, grammar);
	return err;
}

/* A schema is a grammar in other words; with both, the grammar counts. */
static int
add_grammar(struct gen *g, const struct gen_submit *s, struct fail *why)
{
	const struct strs none = { STR("") };
	struct llama_sampler *grammar = NULL;
	struct buf text;
	int err = 0;

	if (g->tools.form != NULL)
		return add_grammar_of_tools(g, why);
	if (s->grammar.n == 0 && s->json_schema.n == 0)
		return 0;
	buf_init(&text, GRAMMAR_MAX);
	if (s->grammar.n > 0)
		buf_put_str(&text, s->grammar);
	else
		err = grammar_of_schema(s->json_schema, &text, why);
	if (err == 0)
		err = buf_err(&text);
	if (err == 0)
		err = grammar_new(
		    g->m->vocab, buf_str(&text), none, &grammar, why);
	buf_done(&text);
	if (err == 0)
		use_grammar(g, grammar);
	return err;
}

static void
free_names(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
}

/* libllama's DRY, which knows the vocabulary; it draws nothing. */
static int
add_dry(struct gen *g, const struct gen_submit *s, struct fail *why)
{
	char *names[BREAKERS_MAX];
	struct cursor c = strs_walk(s->dry_breakers);
	int32_t window = s->dry_penalty_last_n < 0 ? (int32_t)g->m->n_ctx
						   : s->dry_penalty_last_n;
	size_t n = 0;
	struct str name;

	if (s->dry_multiplier == 0 || s->mirostat != 0)
		return 0;
	if (strs_count(s->dry_breakers) > BREAKERS_MAX)
		return fail_set(why, ERR_INVALID, "dry_sequence_breakers",
		    "dry_sequence_breakers: at most %u", BREAKERS_MAX);
	while (strs_next(&c, &name)) {
		names[n] = str_dup(name);
		if (names[n++] == NULL) {
			free_names(names, n);
			return ERR_NOMEM;
		}
	}
	g->dry =
	    llama_sampler_init_dry(g->m->vocab, s->dry_multiplier, s->dry_base,
		s->dry_allowed_length, window, (const char **)names, n);
	free_names(names, n);
	g->sampler.hooks.dry = on_dry;
	return g->dry != NULL ? 0 : ERR_NOMEM;
}

static int
add_sampler(struct gen *g, const struct gen_submit *s, struct fail *why)
{
	const struct model *m = g->m;
	const int32_t *bans = s->ignore_eos ? m->bans : m->bans + m->n_ends;
	uint32_t n_bans = s->ignore_eos ? m->n_bans : m->n_bans - m->n_ends;
	int err = sampler_init(&g->sampler, s, bans, n_bans, m->n_ctx);

	if (err != 0)
		return err;
	g->sampler.hooks.arg = g;
	err = add_grammar(g, s, why);
	return err != 0 ? err : add_dry(g, s, why);
}

/* Calls of one conversation shall have different ids though each of its
 * requests has the same seed. */
static uint64_t
seed_of_ids(const struct gen *g, const struct gen_submit *s)
{
	return s->seed + g->n_tokens * 0x9e3779b97f4a7c15u;
}

/* By shapes a chunk is one batch, which may not have both ids and embeddings.
 */
static enum plan_rule
rule_of(const struct gen *g, const struct gen_submit *s)
{
	if (s->resume_mode == RESUME_FAST ||
	    (g->m->rule == PLAN_SHAPES && g->embeds.n > 0))
		return PLAN_FREE;
	return g->m->rule;
}

static int
set_plan(struct gen *g, const struct gen_submit *s, struct i32s turns)
{
	const struct model *m = g->m;

	g->turns = malloc((turns.n + 1) * sizeof(*g->turns));
	if (g->turns == NULL)
		return ERR_NOMEM;
	if (turns.n > 0)
		memcpy(g->turns, turns.p, turns.n * sizeof(*g->turns));
	g->plan = (struct plan){
		.rule = rule_of(g, s),
		.chunk = m->chunk,
		.turns = g->turns,
		.n_turns = turns.n,
		.n_prompt = g->n_tokens,
		.is_one_way = m->is_one_way,
	};
	return 0;
}

/* Without a budget it ends where the context does. */
static void
set_budget(struct gen *g, const struct gen_submit *s)
{
	uint32_t room = g->m->n_ctx - g->n_tokens;

	g->n_prompt = g->n_tokens;
	g->n_keep = s->n_keep;
	g->may_shift = s->may_shift && s->max_tokens > 0;
	g->max_out = s->max_tokens;
	if (!g->may_shift && (g->max_out == 0 || g->max_out > room))
		g->max_out = room;
}

/* With its control tokens; one of embeddings has no text. */
static void
show_prompt(struct gen *g)
{
	char room[PIECE_ROOM];

	for (uint32_t i = 0; i < g->n_tokens; i++)
		if (!embed_is(g->tokens[i]))
			buf_put_str(&g->shown,
			    model_piece(
				g->m, g->tokens[i], true, room, sizeof(room)));
	if (buf_err(&g->shown) != 0)
		buf_reset(&g->shown);
}

/* Penalties look at the prompt as well, the grammar does not. */
static int
set_prompt(struct gen *g, const struct gen_submit *s, struct fail *why)
{
	struct model *m = g->m;
	struct prompt p = { .n_room = m->n_ctx };
	int err;

	g->tokens = p.room = calloc(m->n_ctx, sizeof(*g->tokens));
	if (g->tokens == NULL)
		return ERR_NOMEM;
	err = prompt_tokens(m, s, &p, why);
	if (err != 0) {
		chat_form_free(p.form);
		return err;
	}
	g->n_tokens = p.n;
	g->n_system = p.n_system;
	g->cache_key = s->cache_key;
	g->cache = s->cache;
	g->save = s->save;
	set_budget(g, s);
	g->wants_progress = s->want_progress;
	buf_init(&g->shown, SHOWN_MAX);
	if (s->want_prompt)
		show_prompt(g);
	err = tools_init(
	    &g->tools, p.form, s->plain_calls, m->vocab, seed_of_ids(g, s));
	return err != 0 ? err : set_plan(g, s, p.turns);
}

/* The context is full: what is left is computed anew, as a prompt. */
static int
shift(struct gen *g)
{
	struct window_cut cut = window_cut(g->n_tokens, g->n_keep, g->n_prompt);

	g->n_tokens = window_apply(cut, g->tokens, g->n_tokens);
	g->sampler.n_gone += cut.n;
	g->n_whole = g->n_out;
	g->plan.n_turns = 0;
	g->plan.n_prompt = g->n_tokens;
	if (g->n_past == 0)
		return 0; /* a replay: nothing is decoded yet */
	g->n_past = 0;
	return model_cut(g->m, g->seq, 0);
}

/* Of the last hashes those whose rows will be computed again: not those of
 * tokens before the last shift. */
static struct str
hashes_left(const struct gen *g, struct str hashes)
{
	size_t most = (size_t)(g->n_out - g->n_whole) * sizeof(uint64_t);

	if (hashes.n <= most)
		return hashes;
	return (struct str){ hashes.p + hashes.n - most, most };
}

/* Their batches are the same whatever is promised, from the first token on,
 * and no other run's: nothing of a cache is taken over or left. */
static int
set_rows(struct gen *g, const struct gen_submit *s, int *ret_reason,
    struct fail *why)
{
	int err = rows_init(&g->rows, g->m, s, g->n_tokens, why);

	if (err != 0 || !rows_are_wanted(&g->rows))
		return err;
	g->plan.rule = PLAN_ROWS;
	g->plan.chunk = g->m->rows_chunk;
	g->plan.n_turns = 0;
	g->cache_key = 0;
	g->cache = 0;
	g->save = 0;
	if (rows_are_over(&g->rows))
		*ret_reason = REASON_LENGTH;
	return 0;
}

/* What another process did with these tokens, but in silence. */
static int
replay(struct gen *g, const struct gen_submit *s, int *ret_reason,
    struct fail *why)
{
	int err = knobs_check_tokens(s->done, g->m->n_vocab, "done", why);
	struct str text;

	if (g->dry != NULL)
		for (uint32_t i = 0; i < g->n_tokens; i++)
			if (!embed_is(g->tokens[i]))
				llama_sampler_accept(g->dry, g->tokens[i]);
	*ret_reason = GEN_GOES_ON;
	for (uint32_t i = 0; i < s->done.n && err == 0; i++) {
		if (*ret_reason != GEN_GOES_ON)
			return fail_set(why, ERR_INVALID, "done",
			    "done: %u tokens, but it was over after %u",
			    s->done.n, i);
		err = gen_take(g, s->done.p[i], &text, ret_reason);
	}
	if (s->hashes.n / sizeof(g->check.want[0]) <= s->done.n)
		exact_check_init(
		    &g->check, hashes_left(g, s->hashes), g->n_tokens);
	return err;
}

/* The request's and the form's. */
static int
add_stops(struct gen *g, const struct gen_submit *s)
{
	struct buf all;
	int err;

	buf_init(&all, STOPS_MAX);
	buf_put_str(&all, s->stops.packed);
	if (g->tools.form != NULL)
		buf_put_str(&all, g->tools.about.stops.packed);
	err = buf_err(&all);
	if (err == 0)
		err = emit_init(&g->emit, (struct strs){ buf_str(&all) });
	buf_done(&all);
	return err;
}

static int
build(struct gen *g, const struct gen_submit *s, int *ret_reason,
    struct fail *why)
{
	int err = knobs_check(s, g->m->n_vocab, why);

	if (err == 0 && g->m->only_embeds && s->mode == MODE_GENERATE)
		err = fail_set(why, ERR_UNSUPPORTED, "model",
		    "model: it is an embedding model: it cannot generate text");
	if (err == 0)
		err = adapter_set_read(
		    &g->adapters, s->adapters, &g->m->adapters, why);
	if (err == 0)
		err = embeds_init(&g->embeds, g->m, s, why);
	if (err == 0)
		err = set_prompt(g, s, why);
	if (err == 0)
		err = add_stops(g, s);
	if (err == 0)
		err = add_sampler(g, s, why);
	if (err == 0)
		err = replay(g, s, ret_reason, why);
	if (err == 0)
		err = set_rows(g, s, ret_reason, why);
	if (err != 0 && why->code == 0)
		(void)fail_set(why, err, NULL, "%s", err_text(err));
	return err;
}

int
gen_new(struct model *m, const struct gen_submit *s, int32_t seq,
    struct gen **ret, int *ret_reason, struct fail *why)
{
	struct gen *g = calloc(1, sizeof(*g));
	int err;

	if (g == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	g->id = s->gen;
	g->seq = seq;
	g->m = m;
	g->start_us = clock_us();
	err = build(g, s, ret_reason, why);
	if (err != 0) {
		gen_free(g);
		return err;
	}
	*ret = g;
	return 0;
}

void
gen_free(struct gen *g)
{
	if (g == NULL)
		return;
	grammar_free(g->grammar);
	if (g->dry != NULL)
		llama_sampler_free(g->dry);
	sampler_done(&g->sampler);
	emit_done(&g->emit);
	buf_done(&g->shown);
	tools_done(&g->tools);
	rows_done(&g->rows);
	free(g->tokens);
	free(g->turns);
	embeds_done(&g->embeds);
	free(g);
}

/* A batch has ids or embeddings, not both: it ends where they meet. */
struct plan_op
gen_next(const struct gen *g)
{
	struct plan_op op = plan_next(&g->plan, g->n_past, g->n_tokens);

	if (g->embeds.n == 0 || op.kind == PLAN_NOTHING)
		return op;
	op.n = embeds_alike(g->tokens, op.from, op.n);
	if (op.kind == PLAN_SINGLE && embed_is(g->tokens[op.from]))
		op.kind = PLAN_ALONE;
	return op;
}

int
gen_pick(struct gen *g, struct sampler_room *room, float *row, int32_t *ret)
{
	return sampler_pick(
	    &g->sampler, room, row, g->tokens, g->n_tokens, ret);
}

static int
advance(struct gen *g, int32_t token, struct str piece)
{
	struct llama_sampler *grammar;
	int err;

	g->tokens[g->n_tokens++] = token;
	g->n_out++;
	if (g->dry != NULL)
		llama_sampler_accept(g->dry, token);
	if (g->grammar != NULL)
		return grammar_accept(g->grammar, token);
	err = tools_add(&g->tools, g->m->vocab, token, piece, &grammar);
	if (err == 0)
		use_grammar(g, grammar);
	return err;
}

/* What the token's bytes make visible, in the form that is wanted. */
static int
show(struct gen *g, struct str piece, struct str *ret)
{
	int err = emit_token(&g->emit, piece, ret);

	return err == 0 && gen_has_parts(g)
	    ? tools_read(&g->tools, *ret, false, ret)
	    : err;
}

bool
gen_has_parts(const struct gen *g)
{
	return tools_has_parts(&g->tools);
}

int
gen_take(struct gen *g, int32_t token, struct str *ret_text, int *ret_reason)
{
	char room[PIECE_ROOM];
	struct str piece;
	int err;

	if (g->n_out >= g->max_out || model_is_end(g->m, token))
		return ERR_INTERNAL;
	piece = piece_of(g, token, room, sizeof(room));
	err = advance(g, token, piece);
	if (err == 0)
		err = show(g, piece, ret_text);
	if (err != 0)
		return err;
	if (g->emit.stop != EMIT_NO_STOP)
		*ret_reason = REASON_STOP;
	else
		*ret_reason =
		    g->n_out < g->max_out ? GEN_GOES_ON : REASON_LENGTH;
	if (*ret_reason == GEN_GOES_ON && g->n_tokens == g->m->n_ctx)
		return shift(g);
	return 0;
}

void
gen_last_word(struct gen *g, int reason, struct gen_done *ret)
{
	uint64_t now = clock_us();
	uint64_t first = g->first_us != 0 ? g->first_us : now;
	struct rusage usage = { 0 };

	*ret = (struct gen_done){ .gen = g->id, .reason = (uint8_t)reason };
	if (emit_flush(&g->emit, &ret->text) != 0)
		ret->text = STR("");
	ret->has_parts = gen_has_parts(g);
	if (ret->has_parts &&
	    tools_read(&g->tools, ret->text, true, &ret->text) != 0)
		ret->text = STR("");
	ret->stop = emit_stop(&g->emit);
	ret->prompt = buf_str(&g->shown);
	ret->n_prompt = g->n_prompt;
	ret->n_cached = g->n_cached < g->n_prompt ? g->n_cached : g->n_prompt;
	ret->n_out = g->n_out;
	ret->prefill_us = first - g->start_us;
	ret->decode_us = now - first;
	(void)getrusage(RUSAGE_SELF, &usage);
	ret->peak_kib = (uint64_t)usage.ru_maxrss;
}
