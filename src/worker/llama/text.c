#include "worker/llama/text.h"

#include "worker/llama/embeds.h"
#include "worker/tokens.h"

#include "base/utf8.h"

#include <string.h>

#define MARK "<image>"
#define FIELD "multimodal_input"

/* One that is too long is not tokenized where its bytes alone show it. */
int
text_append(const struct text_to *to, struct str text, bool add_special,
    const char *field, struct fail *why)
{
	const struct model *m = to->m;
	uint64_t least = m->longest > 0 ? text.n / m->longest : 0;
	size_t at;
	int32_t n;
	int err;

	if (!utf8_valid(text.p, text.n, &at))
		return fail_set(why, ERR_INVALID, field,
		    "%s: not UTF-8 at byte %zu", field, at);
	err = msg_check_length(
	    field, "at least ", *to->n + least, to->n_room, why);
	if (err != 0)
		return err;
	err = tokens_make(m->vocab, text, to->room + *to->n,
	    to->n_room - *to->n, add_special, !to->is_plain, field, &n, why);
	if (err != 0)
		return err;
	if (n == INT32_MIN)
		return fail_set(why, ERR_CONTEXT, field,
		    "%s: too long to be counted", field);
	/* Below 0 it is how many there would be. */
	err = msg_check_length(field, "",
	    *to->n + (n < 0 ? (uint64_t) - (int64_t)n : (uint64_t)n),
	    to->n_room, why);
	if (err == 0)
		*to->n += (uint32_t)n;
	return err;
}

static int
check_some(const struct text_to *to, const char *field, struct fail *why)
{
	if (*to->n > 0)
		return 0;
	return fail_set(why, ERR_INVALID, field,
	    "%s: must not be empty for this model", field);
}

int
text_tokenize(const struct text_to *to, struct str text, bool add_special,
    const char *field, struct fail *why)
{
	int err = text_append(to, text, add_special, field, why);

	return err != 0 ? err : check_some(to, field, why);
}

static const char *
find(struct str text, struct str mark)
{
	return mark.n == 0 ? NULL : memmem(text.p, text.n, mark.p, mark.n);
}

static uint32_t
count(struct str text, struct str mark)
{
	const char *at;
	uint32_t n = 0;

	for (; (at = find(text, mark)) != NULL; n++) {
		size_t gone = (size_t)(at - text.p) + mark.n;

		text = (struct str){ text.p + gone, text.n - gone };
	}
	return n;
}

/* As many rows as the images have, and marks as there are images. */
static int
check(const struct text_to *to, const struct gen_submit *g, uint32_t n_marks,
    struct str mark, struct fail *why)
{
	uint64_t want = (uint64_t)g->n_images * g->n_image_embeds;
	uint32_t rows;
	int err = embeds_count(to->m, g, &rows, why);

	if (err != 0)
		return err;
	if (rows - g->n_old_embeds != want)
		return fail_set(why, ERR_INVALID, FIELD ".image_embed",
		    FIELD ".image_embed: has %u rows of %u numbers, but %u "
			  "images of %u tokens need %llu",
		    rows - g->n_old_embeds, to->m->n_embd, g->n_images,
		    g->n_image_embeds, (unsigned long long)want);
	if (n_marks != g->n_images)
		return fail_set(why, ERR_INVALID, FIELD ".prompt",
		    FIELD ".prompt: has %u marks \"%.*s\", but n_image is %u",
		    n_marks, (int)mark.n, mark.p, g->n_images);
	return msg_check_length(
	    FIELD ".image_embed", "", want, to->n_room, why);
}

static int
put_image(const struct text_to *to, const struct gen_submit *g, uint32_t i,
    bool has_ends, struct fail *why)
{
	uint32_t n = g->n_image_embeds, first = g->n_old_embeds + i * n;
	int err = 0;

	if (has_ends && g->image_start.n > 0)
		err = text_append(to, g->image_start, false, "img_start", why);
	if (err == 0)
		err = msg_check_length(FIELD ".image_embed", "",
		    (uint64_t)*to->n + n, to->n_room, why);
	for (uint32_t k = 0; err == 0 && k < n; k++)
		to->room[(*to->n)++] = embed_token(first + k);
	if (err == 0 && has_ends && g->image_end.n > 0)
		err = text_append(to, g->image_end, false, "img_end", why);
	return err;
}

int
text_with_images(const struct text_to *to, const struct gen_submit *g,
    struct str text, bool add_special, const char *field, struct fail *why)
{
	bool is_usual = find(text, STR(MARK)) != NULL || g->image_mark.n == 0;
	struct str mark = is_usual ? STR(MARK) : g->image_mark;
	int err = check(to, g, count(text, mark), mark, why);

	for (uint32_t i = 0; err == 0 && i < g->n_images; i++) {
		const char *at = find(text, mark);
		struct str piece = { text.p, (size_t)(at - text.p) };
		size_t gone = piece.n + mark.n;

		if (piece.n > 0 || (i == 0 && add_special))
			err = text_append(
			    to, piece, add_special && i == 0, field, why);
		if (err == 0)
			err = put_image(to, g, i, is_usual, why);
		text = (struct str){ text.p + gone, text.n - gone };
	}
	if (err == 0 && text.n > 0)
		err = text_append(to, text, false, field, why);
	return err != 0 ? err : check_some(to, field, why);
}
