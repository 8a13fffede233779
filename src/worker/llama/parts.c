/*
 * What a prompt in parts becomes is what llama-server v0.5.0 makes of the same:
 * tokenize_mixed(), format_prompt_infill() and format_prompt_rerank() there.
 */
#include "worker/llama/parts.h"

#include "worker/knobs.h"

#include <stdlib.h>
#include <string.h>

/* Tokens of the text around the hole; the rest is for other files. */
#define INFILL_TOKENS 2048u

static int
put_token(const struct text_to *to, int32_t token, struct fail *why)
{
	int err =
	    msg_check_length("prompt", "", *to->n + 1ull, to->n_room, why);

	if (err == 0)
		to->room[(*to->n)++] = token;
	return err;
}

static int
put_ids(const struct text_to *to, struct str bytes, struct fail *why)
{
	uint32_t n = (uint32_t)(bytes.n / sizeof(int32_t));
	int err = msg_check_length(
	    "prompt", "", (uint64_t)*to->n + n, to->n_room, why);

	if (err != 0)
		return err;
	memcpy(to->room + *to->n, bytes.p, n * sizeof(int32_t));
	err = knobs_check_tokens((struct i32s){ to->room + *to->n, n },
	    to->m->n_vocab, "prompt", why);
	if (err == 0)
		*to->n += n;
	return err;
}

/* What the model begins with stands before a text alone. */
static int
put_mixed(
    const struct text_to *to, const struct gen_submit *g, struct fail *why)
{
	struct cursor c = strs_walk(g->parts);
	bool is_first = true;
	struct str part;
	int err = 0;

	while (err == 0 && strs_next(&c, &part)) {
		struct str rest = { part.p + 1, part.n - 1 };

		if (part.n > 0 && part.p[0] == PART_TEXT)
			err = text_append(to, rest, g->add_special && is_first,
			    "prompt", why);
		else if (part.n > 0 && part.p[0] == PART_IDS)
			err = put_ids(to, rest, why);
		else
			err = fail_set(why, ERR_INVALID, "prompt",
			    "prompt: a part of it is neither text nor ids");
		is_first = false;
	}
	return err;
}

/*
 * Code with a hole
 */

/* Tokens that are put together later. */
struct heap {
	uint32_t n;
	struct text_to to;
};

enum { PREFIX, SUFFIX, MIDDLE, EXTRA, HEAPS };

struct infill {
	const struct llama_vocab *vocab;
	struct heap heaps[HEAPS];
	struct fail *why;
};

/* Every token has a byte at least, but for what a tokenizer adds. */
static int
infill_init(struct infill *f, const struct text_to *to,
    const struct gen_submit *g, struct fail *why)
{
	uint32_t n = (uint32_t)g->parts.packed.n +
	    64u * (uint32_t)(strs_count(g->parts) + 1);

	*f = (struct infill){ .vocab = to->m->vocab, .why = why };
	if (g->parts.packed.n > ASIDE_TEXT_MAX)
		return fail_set(why, ERR_TOO_BIG, "input_prefix",
		    "input_prefix: it, input_suffix, input_extra and prompt "
		    "may have %u bytes in all",
		    ASIDE_TEXT_MAX);
	for (int i = 0; i < HEAPS; i++) {
		struct heap *h = &f->heaps[i];

		h->to = (struct text_to){ to->m, calloc(n, sizeof(int32_t)), n,
			&h->n, true };
		if (h->to.room == NULL)
			return ERR_NOMEM;
	}
	return 0;
}

static void
infill_done(struct infill *f)
{
	for (int i = 0; i < HEAPS; i++)
		free(f->heaps[i].to.room);
}

static int
add_text(struct infill *f, int heap, struct str text, const char *field)
{
	return text_append(&f->heaps[heap].to, text, false, field, f->why);
}

/* A token of the vocabulary's, and then a line: name and its end are tokenized
 * as one. */
static int
add_line(struct infill *f, int32_t token, struct str name)
{
	struct buf line;
	int err = put_token(&f->heaps[EXTRA].to, token, f->why);

	buf_init(&line, ASIDE_TEXT_MAX);
	buf_put_str(&line, name);
	buf_puts(&line, "\n");
	if (err == 0)
		err = buf_err(&line);
	if (err == 0)
		err = add_text(f, EXTRA, buf_str(&line), "input_extra");
	buf_done(&line);
	return err;
}

static int
add_file(struct infill *f, struct str name, struct str text)
{
	int32_t sep = llama_vocab_fim_sep(f->vocab);
	int err = sep != LLAMA_TOKEN_NULL
	    ? add_line(f, sep, name)
	    : add_text(f, EXTRA, STR("\n\n--- snippet ---\n\n"), "input_extra");

	return err != 0 ? err : add_text(f, EXTRA, text, "input_extra");
}

static int
add_files(struct infill *f, struct cursor *c)
{
	int32_t repo = llama_vocab_fim_rep(f->vocab);
	int32_t sep = llama_vocab_fim_sep(f->vocab);
	struct str name, text;
	int err = 0;

	if (repo != LLAMA_TOKEN_NULL)
		err = add_line(f, repo, STR("myproject"));
	while (err == 0 && strs_next(c, &name)) {
		if (!strs_next(c, &text))
			return fail_set(f->why, ERR_INVALID, "input_extra",
			    "input_extra: a file has no text");
		err = add_file(f, name, text);
	}
	if (err == 0 && sep != LLAMA_TOKEN_NULL)
		err = add_line(f, sep, STR("filename"));
	return err;
}

static int
add_all(struct infill *f, const struct gen_submit *g)
{
	static const char *const names[] = { "input_prefix", "input_suffix",
		"prompt" };
	struct cursor c = strs_walk(g->parts);
	struct str part;
	int err = 0;

	for (int i = PREFIX; err == 0 && i <= MIDDLE; i++) {
		if (!strs_next(&c, &part))
			return fail_set(f->why, ERR_INVALID, names[i],
			    "%s: is not there", names[i]);
		/* As there: control tokens in the last are such. */
		f->heaps[i].to.is_plain = i != MIDDLE;
		err = add_text(f, i, part, names[i]);
	}
	return err != 0 ? err : add_files(f, &c);
}

static uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* [from, from + n) of a heap. */
static int
put_some(const struct text_to *to, const struct heap *h, uint32_t from,
    uint32_t n, struct fail *why)
{
	int err = msg_check_length(
	    "prompt", "", (uint64_t)*to->n + n, to->n_room, why);

	if (err != 0 || n == 0)
		return err;
	memcpy(to->room + *to->n, h->to.room + from, n * sizeof(int32_t));
	*to->n += n;
	return 0;
}

/* What is before the hole, the nearest n_prefix tokens; and what the middle
 * begins with. */
static int
put_before(const struct text_to *to, const struct infill *f, uint32_t n_prefix)
{
	const struct heap *h = f->heaps;
	int err = put_token(to, llama_vocab_fim_pre(f->vocab), f->why);

	if (err == 0)
		err = put_some(
		    to, &h[PREFIX], h[PREFIX].n - n_prefix, n_prefix, f->why);
	return err != 0 ? err
			: put_some(to, &h[MIDDLE], 0, h[MIDDLE].n, f->why);
}

static int
put_behind(const struct text_to *to, const struct infill *f, uint32_t n_suffix)
{
	int err = put_token(to, llama_vocab_fim_suf(f->vocab), f->why);

	return err != 0 ? err
			: put_some(to, &f->heaps[SUFFIX], 0, n_suffix, f->why);
}

/* Three quarters of what there is room for are before the hole, and what is
 * near it comes first; other files have the rest of the context. */
static int
put_together(const struct text_to *to, const struct infill *f)
{
	const struct heap *h = f->heaps;
	bool is_small = to->n_room <= INFILL_TOKENS;
	/* In a small context there is room for an answer yet. */
	uint32_t most = is_small ? to->n_room / 4 * 3 : INFILL_TOKENS;
	uint32_t n_prefix = least(h[PREFIX].n, 3 * (most / 4));
	uint32_t taken = 2 + h[MIDDLE].n;
	uint32_t n_suffix =
	    least(h[SUFFIX].n, most / 4 > taken ? most / 4 - taken : 0);
	uint64_t rest = (uint64_t)n_prefix + n_suffix + h[MIDDLE].n + 5;
	uint32_t n_extra = is_small || to->n_room <= rest
	    ? 0
	    : least(h[EXTRA].n,
		  least((uint32_t)(to->n_room - rest), to->n_room - most + 2));
	const int32_t bos = llama_vocab_bos(f->vocab);
	int err =
	    put_some(to, &h[EXTRA], h[EXTRA].n - n_extra, n_extra, f->why);

	if (err == 0 && llama_vocab_get_add_bos(f->vocab))
		err = put_token(to, bos, f->why);
	for (int half = 0; err == 0 && half < 2; half++)
		err = (half == 0) != to->m->is_suffix_first
		    ? put_before(to, f, n_prefix)
		    : put_behind(to, f, n_suffix);
	return err != 0 ? err
			: put_token(to, llama_vocab_fim_mid(f->vocab), f->why);
}

static int
put_infill(
    const struct text_to *to, const struct gen_submit *g, struct fail *why)
{
	const struct llama_vocab *v = to->m->vocab;
	const char *pre = "prefix token is missing. ",
		   *suf = "suffix token is missing. ",
		   *mid = "middle token is missing. ";
	struct infill f;
	int err;

	if (llama_vocab_fim_pre(v) != LLAMA_TOKEN_NULL)
		pre = "";
	if (llama_vocab_fim_suf(v) != LLAMA_TOKEN_NULL)
		suf = "";
	if (llama_vocab_fim_mid(v) != LLAMA_TOKEN_NULL)
		mid = "";
	if (pre[0] != '\0' || suf[0] != '\0' || mid[0] != '\0')
		return fail_set(why, ERR_UNSUPPORTED, NULL,
		    "Infill is not supported by this model: %s%s%s", pre, suf,
		    mid);
	err = infill_init(&f, to, g, why);
	if (err == 0)
		err = add_all(&f, g);
	if (err == 0)
		err = put_together(to, &f);
	infill_done(&f);
	return err;
}

/*
 * A query and a document
 */

/* With each "{query}" and "{document}" of the template replaced. */
static void
fill_in(struct str form, struct str query, struct str document, struct buf *out)
{
	static const char q[] = "{query}", d[] = "{document}";

	while (form.n > 0) {
		size_t n = 1;

		if (form.n >= sizeof(q) - 1 &&
		    memcmp(form.p, q, sizeof(q) - 1) == 0) {
			n = sizeof(q) - 1;
			buf_put_str(out, query);
		} else if (form.n >= sizeof(d) - 1 &&
		    memcmp(form.p, d, sizeof(d) - 1) == 0) {
			n = sizeof(d) - 1;
			buf_put_str(out, document);
		} else {
			buf_put_u8(out, (uint8_t)form.p[0]);
		}
		form = (struct str){ form.p + n, form.n - n };
	}
}

static int
put_by_form(const struct text_to *to, const char *form, struct str query,
    struct str document, struct fail *why)
{
	struct buf text;
	int err;

	buf_init(&text, 2 * ASIDE_TEXT_MAX);
	fill_in(str_of(form), query, document, &text);
	err = buf_err(&text);
	if (err == 0)
		err = text_append(to, buf_str(&text), false, "documents", why);
	buf_done(&text);
	return err;
}

static int
put_if(
    const struct text_to *to, bool is_wanted, int32_t token, struct fail *why)
{
	return is_wanted && token != LLAMA_TOKEN_NULL
	    ? put_token(to, token, why)
	    : 0;
}

/* [BOS]query[EOS][SEP]document[EOS], as the vocabulary has them. */
static int
put_by_vocabulary(const struct text_to *to, struct str query,
    struct str document, struct fail *why)
{
	const struct llama_vocab *v = to->m->vocab;
	struct text_to plain = *to;
	int32_t eos = llama_vocab_eos(v), sep = llama_vocab_sep(v);
	int err =
	    put_if(to, llama_vocab_get_add_bos(v), llama_vocab_bos(v), why);

	plain.is_plain = true;
	if (eos == LLAMA_TOKEN_NULL)
		eos = sep;
	if (err == 0)
		err = text_append(&plain, query, false, "query", why);
	if (err == 0)
		err = put_if(to, llama_vocab_get_add_eos(v), eos, why);
	if (err == 0)
		err = put_if(to, llama_vocab_get_add_sep(v), sep, why);
	if (err == 0)
		err = text_append(&plain, document, false, "documents", why);
	return err != 0 ? err
			: put_if(to, llama_vocab_get_add_eos(v), eos, why);
}

static int
put_pair(const struct text_to *to, const struct gen_submit *g, struct fail *why)
{
	const char *form = llama_model_chat_template(to->m->weights, "rerank");
	struct cursor c = strs_walk(g->parts);
	struct str query, document;

	if (!strs_next(&c, &query) || !strs_next(&c, &document))
		return fail_set(why, ERR_INVALID, "documents",
		    "documents: needs a query and a document");
	return form != NULL ? put_by_form(to, form, query, document, why)
			    : put_by_vocabulary(to, query, document, why);
}

int
parts_tokens(
    const struct text_to *to, const struct gen_submit *g, struct fail *why)
{
	if (g->input == INPUT_MIXED)
		return put_mixed(to, g, why);
	return g->input == INPUT_INFILL ? put_infill(to, g, why)
					: put_pair(to, g, why);
}
