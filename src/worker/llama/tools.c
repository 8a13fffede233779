#include "worker/llama/tools.h"

#include "worker/grammar.h"

#include "base/log.h"

#include <ctype.h>
#include <llama.h>
#include <string.h>

#define SPECIALS_MAX 65536u
#define BEGUN_TOKENS 512u
#define PIECE_ROOM 256u

/* Only what is one token can be told apart from text. */
static void
find_specials(struct tools *t, const struct llama_vocab *vocab)
{
	struct cursor c = strs_walk(t->about.specials);
	llama_token one[2];
	struct str s;

	while (strs_next(&c, &s))
		if (llama_tokenize(
			vocab, s.p, (int32_t)s.n, one, 2, false, true) == 1)
			buf_put_i32(&t->tokens, one[0]);
}

int
tools_init(struct tools *t, struct chat_form *form, bool is_plain,
    const struct llama_vocab *vocab, uint64_t seed)
{
	const struct chat_form_about *a = &t->about;
	int err;

	*t = (struct tools){ .form = form, .is_plain = is_plain };
	buf_init(&t->tokens, SPECIALS_MAX);
	if (form == NULL)
		return 0;
	chat_form_describe(form, &t->about);
	find_specials(t, vocab);
	err = buf_err(&t->tokens);
	if (err == 0)
		err = reader_init(
		    &t->reader, a->marks, seed, chat_form_read, form);
	if (err == 0 && a->goes_on)
		err = reader_skip(&t->reader);
	if (err == 0)
		err = trigger_init(&t->trigger, a->triggers, a->opens,
		    a->closes, a->has_others ? chat_form_find : NULL, form);
	if (err != 0)
		return err;
	t->is_waiting = a->is_lazy && a->gbnf.n > 0 && !is_plain;
	trigger_seed(&t->trigger, a->begun);
	return 0;
}

bool
tools_has_parts(const struct tools *t)
{
	return t->form != NULL && !t->is_plain;
}

void
tools_done(struct tools *t)
{
	reader_done(&t->reader);
	trigger_done(&t->trigger);
	buf_done(&t->tokens);
	chat_form_free(t->form);
	*t = (struct tools){ .form = NULL };
}

bool
tools_is_text(const struct tools *t, int32_t token)
{
	const uint8_t *all = buf_data(&t->tokens);
	int32_t one;

	for (size_t at = 0; at < buf_len(&t->tokens); at += sizeof(one)) {
		memcpy(&one, all + at, sizeof(one));
		if (one == token)
			return true;
	}
	return false;
}

/* Some tokenizers put a blank before a first control token; it is not of the
 * text. */
static bool
is_added_blank(
    const struct llama_vocab *vocab, llama_token token, struct str text)
{
	char piece[PIECE_ROOM];
	int32_t n =
	    llama_token_to_piece(vocab, token, piece, sizeof(piece), 0, true);

	return n > 0 && isspace((unsigned char)piece[0]) &&
	    !isspace((unsigned char)text.p[0]);
}

/* A grammar of the whole answer has the prompt's end in it. */
static int
accept_begun(const struct tools *t, const struct llama_vocab *vocab,
    struct llama_sampler *g)
{
	struct str begun = t->about.begun;
	llama_token tokens[BEGUN_TOKENS];
	int32_t n = llama_tokenize(vocab, begun.p, (int32_t)begun.n, tokens,
	    BEGUN_TOKENS, false, true);
	int err = n < 0 ? ERR_TOO_BIG : 0;

	for (int32_t i = 0; i < n && err == 0; i++)
		if (i > 0 || !is_added_blank(vocab, tokens[i], begun))
			err = grammar_accept(g, tokens[i]);
	return err;
}

int
tools_grammar(const struct tools *t, const struct llama_vocab *vocab,
    struct llama_sampler **ret, struct fail *why)
{
	const struct strs none = { STR("") };
	int err;

	*ret = NULL;
	if (t->about.gbnf.n == 0 || t->is_waiting || t->is_plain)
		return 0;
	err = grammar_new(vocab, t->about.gbnf, none, ret, why);
	if (err == 0 && t->about.begun.n > 0 &&
	    accept_begun(t, vocab, *ret) != 0) {
		grammar_free(*ret);
		*ret = NULL;
		return fail_set(why, ERR_UNSUPPORTED, "tools",
		    "tools: the grammar of this model's calls does not go "
		    "with the end of its prompt");
	}
	return err;
}

/* The grammar goes over those tokens again that the word is in. */
static int
begin(struct tools *t, const struct llama_vocab *vocab,
    struct llama_sampler **ret)
{
	struct i32s tokens = trigger_tokens(&t->trigger);
	struct fail why;
	int err =
	    grammar_new(vocab, t->about.gbnf, t->about.patterns, ret, &why);

	for (uint32_t i = 0; i < tokens.n && err == 0; i++)
		err = grammar_accept(*ret, tokens.p[i]);
	if (err == 0 || err == ERR_NOMEM)
		return err;
	/* What came with the word is not of the form: the model goes on as it
	 * likes, and what it says is content. */
	log_debug("a call of a tool that does not fit its grammar");
	grammar_free(*ret);
	*ret = NULL;
	return 0;
}

int
tools_add(struct tools *t, const struct llama_vocab *vocab, int32_t token,
    struct str text, struct llama_sampler **ret)
{
	bool is_found = false;
	int err;

	*ret = NULL;
	if (!t->is_waiting)
		return 0;
	err = trigger_add(&t->trigger, token, text, &is_found);
	if (err != 0 || !is_found)
		return err;
	t->is_waiting = false;
	return begin(t, vocab, ret);
}

int
tools_read(struct tools *t, struct str text, bool is_last, struct str *ret)
{
	return is_last ? reader_end(&t->reader, text, ret)
		       : reader_add(&t->reader, text, ret);
}
