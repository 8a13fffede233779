#include "worker/rkllm/said.h"
#include "wire/i32s.h"

#include "worker/knobs.h"

#include "json/read.h"
#include "wire/embed.h"

#include <stdlib.h>
#include <string.h>

#define CONTENT_MAX ((1u << 24) - 1) /* bytes of a message */

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

/* Of numbers, those that stand for rows one after the other. */
static int
add_rows(struct ask *a, struct i32s v)
{
	uint32_t first = embed_row(v.p[0]);

	if (first >= pieces_n_rows(&a->pieces) ||
	    v.n > pieces_n_rows(&a->pieces) - first)
		return ERR_INVALID;
	for (uint32_t i = 0; i < v.n; i++)
		if (v.p[i] != embed_token(first + i))
			return ERR_INVALID;
	pieces_rows(&a->pieces, first, v.n);
	return 0;
}

/* How many rows images have. */
static uint64_t
rows_of(const struct memo_images *im)
{
	return (uint64_t)im->n * im->n_rows;
}

/* A text with images, whose head was read: it comes next, then their rows. */
static int
add_old_images(struct ask *a, const char *head, struct i32s *rest)
{
	struct memo_images im;
	struct memo m;
	uint32_t n;
	int err;

	if (!memo_get_images(head, &im))
		return ERR_INVALID;
	err = memo_next(rest, &m);
	if (err != 0)
		return err == ERR_EOF ? ERR_INVALID : err;
	n = (uint32_t)rows_of(&im);
	if (m.text == NULL || rows_of(&im) > rest->n || n == 0 ||
	    embed_row(rest->p[0]) > pieces_n_rows(&a->pieces) ||
	    n > pieces_n_rows(&a->pieces) - embed_row(rest->p[0])) {
		free(m.text);
		return ERR_INVALID;
	}
	for (uint32_t i = 0; i < n; i++)
		if (rest->p[i] != rest->p[0] - (int32_t)i)
			err = ERR_INVALID;
	if (err == 0)
		pieces_images(&a->pieces, m.kind, m.enable_thinking,
		    str_of(m.text), &im, embed_row(rest->p[0]));
	*rest = (struct i32s){ rest->p + n, rest->n - n };
	free(m.text);
	return err;
}

static int
add_old(struct ask *a, const struct memo *m, struct i32s *rest)
{
	if (m->text == NULL && embed_is(m->tokens.p[0]))
		return add_rows(a, m->tokens);
	if (m->text == NULL)
		pieces_tokens(&a->pieces, m->tokens);
	else if (m->kind == MEMO_IMAGES)
		return add_old_images(a, m->text, rest);
	else
		pieces_text(
		    &a->pieces, m->kind, m->enable_thinking, str_of(m->text));
	return 0;
}

/* All that was said before, as numbers. */
static int
add_history(struct ask *a, struct i32s v, struct fail *why)
{
	struct memo m;
	int err;

	while ((err = memo_next(&v, &m)) == 0) {
		err = add_old(a, &m, &v);
		free(m.text);
		if (err != 0)
			break;
	}
	if (err == ERR_INVALID)
		return fail_set(why, ERR_UNSUPPORTED, "keep_history",
		    "keep_history: a range was cut out of the conversation, or "
		    "its context was full, in the middle of a text that this "
		    "model's engine keeps whole; clear_kv_cache without a "
		    "range begins another");
	return err == ERR_EOF ? 0 : err;
}

#define IMAGE_MARK "<image>"
#define IMAGES "multimodal_input"

static uint32_t
count_marks(struct str text, struct str mark)
{
	const char *at;
	uint32_t n = 0;

	while (mark.n > 0 &&
	    (at = memmem(text.p, text.n, mark.p, mark.n)) != NULL) {
		size_t gone = (size_t)(at - text.p) + mark.n;

		text = (struct str){ text.p + gone, text.n - gone };
		n++;
	}
	return n;
}

/* As many rows as the images have, and marks as there are images. */
static int
check_images(const struct ask *a, const struct gen_submit *g, struct str text,
    struct fail *why)
{
	uint64_t want = (uint64_t)g->n_images * g->n_image_embeds;
	uint32_t n = pieces_n_rows(&a->pieces) - g->n_old_embeds;
	struct str mark = STR(IMAGE_MARK);
	uint32_t n_marks = count_marks(text, mark);

	if (n_marks == 0 && g->image_mark.n > 0) {
		mark = g->image_mark;
		n_marks = count_marks(text, mark);
	}
	if (n != want || want == 0)
		return fail_set(why, ERR_INVALID, IMAGES ".image_embed",
		    IMAGES ".image_embed: has %u rows, but %u images of %u "
			   "tokens need %llu",
		    n, g->n_images, g->n_image_embeds,
		    (unsigned long long)want);
	if (n_marks != g->n_images)
		return fail_set(why, ERR_INVALID, IMAGES ".prompt",
		    IMAGES ".prompt: has %u marks \"%.*s\", but n_image is %u",
		    n_marks, (int)mark.n, mark.p, g->n_images);
	return 0;
}

static void
note_rows(struct ask *a, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		buf_put_i32(&a->prompt, embed_token(first + i));
}

static int
add_new_images(struct ask *a, const struct gen_submit *g, enum memo_kind kind,
    struct str text, struct fail *why)
{
	const struct memo_images im = { .n = g->n_images,
		.n_rows = g->n_image_embeds,
		.width = g->image_width,
		.height = g->image_height,
		.start = g->image_start,
		.end = g->image_end,
		.mark = g->image_mark };
	bool may_think = g->enable_thinking != 0;
	int err = check_images(a, g, text, why);

	if (err != 0)
		return err;
	pieces_images(&a->pieces, kind, may_think, text, &im, g->n_old_embeds);
	if (a->key == 0)
		return 0;
	memo_put_images(&a->prompt, &im);
	memo_put(&a->prompt, kind, may_think, text);
	note_rows(a, g->n_old_embeds, (uint32_t)rows_of(&im));
	return 0;
}

/* What is new. Of a turn it is also written down. */
static int
add_said(struct ask *a, const struct gen_submit *g, enum memo_kind kind,
    struct str text, struct fail *why)
{
	if (memchr(text.p, '\0', text.n) != NULL)
		return fail_set(
		    why, ERR_INVALID, "prompt", "prompt: may hold no NUL byte");
	if (g->n_images > 0)
		return add_new_images(a, g, kind, text, why);
	pieces_text(&a->pieces, kind, g->enable_thinking != 0, text);
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
			buf_str(&content), why);
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
	return add_said(a, g, MEMO_RAW, g->prompt, why);
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
	pieces_tokens(&a->pieces, g->tokens);
	buf_put_i32s(&a->prompt, g->tokens);
	return 0;
}

static int
from_rows(struct ask *a, const struct gen_submit *g, struct fail *why)
{
	uint32_t n = pieces_n_rows(&a->pieces) - g->n_old_embeds;

	if (n == 0)
		return fail_set(why, ERR_INVALID, "embed",
		    "embed: must have at least one row");
	pieces_rows(&a->pieces, g->n_old_embeds, n);
	note_rows(a, g->n_old_embeds, n);
	return 0;
}

static int
take_rows(struct ask *a, const struct gen_submit *g, struct fail *why)
{
	if (pieces_put_rows(&a->pieces, g->embeds, g->n_row) != 0 ||
	    pieces_n_rows(&a->pieces) < g->n_old_embeds)
		return fail_set(why, ERR_INVALID, "embed",
		    "embed: %zu numbers are no whole rows of %u, of which the "
		    "conversation has %u",
		    g->embeds.n / sizeof(float), g->n_row, g->n_old_embeds);
	return 0;
}

static bool
is_kept(const struct gen_submit *g, const struct ask_kept *kept)
{
	return kept->key != 0 && kept->key == g->cache_key &&
	    g->adapters.n == 0 && kept->n == g->history.n &&
	    kept->hash == memo_hash(0, g->history);
}

int
said_put(struct ask *a, const struct gen_submit *g, const struct ask_kept *kept,
    struct fail *why)
{
	static int (*const from[])(
	    struct ask *, const struct gen_submit *, struct fail *) = {
		[INPUT_PROMPT] = from_text,
		[INPUT_CHAT] = from_messages,
		[INPUT_TOKENS] = from_tokens,
		[INPUT_EMBEDS] = from_rows,
	};
	int err = take_rows(a, g, why);

	if (err != 0)
		return err;
	if (a->key != 0 && g->resume && g->tokens.n > 0) {
		buf_put_i32s(&a->prompt, g->tokens);
		return add_history(a, g->tokens, why);
	}
	buf_put_i32s(&a->prompt, g->history);
	a->job.goes_on = is_kept(g, kept);
	if (!a->job.goes_on)
		err = add_history(a, g->history, why);
	return err != 0 ? err : from[g->input](a, g, why);
}
