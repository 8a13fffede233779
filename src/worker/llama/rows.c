#include "worker/llama/rows.h"

#include "worker/llama/decode.h"

#include <stdlib.h>
#include <string.h>

static int
check(const struct rows *r, const struct model *m, const struct gen_submit *s,
    struct fail *why)
{
	if (s->mode >= MODE_COUNT)
		return fail_set(
		    why, ERR_INVALID, "mode", "mode: there is no %u", s->mode);
	if (s->done.n > 0)
		return fail_set(why, ERR_INVALID, "done",
		    "done: nothing is generated in this mode");
	if (s->rows_done > r->n_all)
		return fail_set(why, ERR_INVALID, "rows_done",
		    "rows_done: %u, but there are %u", s->rows_done, r->n_all);
	if (s->mode == MODE_RANK && !m->is_ranker)
		return fail_set(why, ERR_UNSUPPORTED, NULL,
		    "This model does not support reranking: it has no ranking "
		    "head. Start a reranker, with `--reranking` where its file "
		    "does not say that it is one");
	if (r->n_cols == 0 || r->n_cols > ROW_MAX / sizeof(float))
		return fail_set(why, ERR_UNSUPPORTED, "mode",
		    "mode: this model's rows have %u numbers, which is none or "
		    "too many",
		    r->n_cols);
	return 0;
}

/* What is asked for, as far as the model has it. */
static int
set_pool(struct rows *r, const struct model *m, const struct gen_submit *s,
    struct fail *why)
{
	enum pooling usual = m->pooling;

	if (m->no_embeds)
		return fail_set(why, ERR_UNSUPPORTED, NULL,
		    "This server does not support embeddings. Start it with "
		    "`--embeddings`");
	if (usual == POOL_MODEL)
		usual = s->pooling == POOL_ONE ? POOL_MEAN : POOL_NONE;
	r->pool = (enum pooling)s->pooling;
	if (r->pool == POOL_MODEL || r->pool == POOL_ONE)
		r->pool = usual;
	if (s->pooling == POOL_ONE && r->pool == POOL_NONE)
		return fail_set(why, ERR_INVALID, NULL,
		    "Pooling type 'none' is not OAI compatible. Please use a "
		    "different pooling type");
	if (r->pool >= POOL_RANK)
		return fail_set(why, ERR_UNSUPPORTED, NULL,
		    "this model ranks documents, it does not embed them; POST "
		    "/rerank does");
	return 0;
}

static int
set_shape(struct rows *r, const struct model *m, const struct gen_submit *s,
    struct fail *why)
{
	int err = 0;

	r->pool = POOL_NONE;
	r->n_cols = m->n_cols;
	if (s->mode == MODE_LOGITS)
		r->n_cols = m->only_embeds ? 0 : m->n_vocab;
	if (s->mode == MODE_EMBED)
		err = set_pool(r, m, s, why);
	if (s->mode == MODE_RANK) {
		r->pool = POOL_RANK;
		r->n_cols = m->n_scores;
	}
	r->n_all = r->pool == POOL_NONE ? r->n_prompt : 1;
	return err;
}

int
rows_init(struct rows *r, const struct model *m, const struct gen_submit *s,
    uint32_t n_prompt, struct fail *why)
{
	int err;

	*r = (struct rows){ 0 };
	if (s->mode == MODE_GENERATE)
		return 0;
	r->mode = (enum gen_mode)s->mode;
	r->next = s->rows_done;
	r->normalize = s->normalize;
	r->n_prompt = n_prompt;
	err = set_shape(r, m, s, why);
	if (err == 0)
		err = check(r, m, s, why);
	if (err != 0)
		return err;
	r->data = calloc(r->pool == POOL_NONE ? m->rows_chunk : 1,
	    r->n_cols * sizeof(*r->data));
	return r->data != NULL ? 0 : ERR_NOMEM;
}

void
rows_done(struct rows *r)
{
	free(r->data);
	*r = (struct rows){ 0 };
}

static const float *
row_at(const struct rows *r, const struct model *m, int32_t seq, uint32_t i)
{
	if (r->mode == MODE_LOGITS)
		return model_row(m, (int32_t)i);
	return r->mode == MODE_RANK ? model_scores(m, seq)
				    : model_hidden(m, (int32_t)i);
}

static void
copy_row(struct rows *r, uint32_t pos, uint32_t i, const float *row)
{
	if (pos >= r->next)
		memcpy(r->data + (size_t)i * r->n_cols, row,
		    r->n_cols * sizeof(*row));
}

/* The pooled one is there with the last token. */
static void
end_pool(struct rows *r)
{
	if (r->mode == MODE_EMBED)
		pool_normalize(r->data, r->n_cols, r->normalize);
	r->n = 1;
}

int
rows_take(struct rows *r, const struct model *m, int32_t seq, uint32_t first,
    uint32_t n)
{
	enum pooling p = r->pool == POOL_RANK ? POOL_LAST : r->pool;

	/* Of those that are pooled none is here before the last. */
	r->first = r->pool == POOL_NONE ? first : 0;
	r->n = 0;
	for (uint32_t i = 0; i < n; i++) {
		const float *row = row_at(r, m, seq, i);

		if (row == NULL)
			return ERR_INTERNAL;
		if (r->pool == POOL_NONE)
			copy_row(r, first + i, i, row);
		else
			pool_add(
			    p, r->data, row, r->n_cols, first + i, r->n_prompt);
	}
	if (r->pool == POOL_NONE)
		r->n = n;
	else if (first + n == r->n_prompt)
		end_pool(r);
	return 0;
}

void
rows_give(struct rows *r, struct gen_rows *ret)
{
	size_t each = r->n_cols * sizeof(*r->data);
	uint32_t at = r->next - r->first;
	uint32_t n = (uint32_t)(ROWS_FRAME / each);

	if (n == 0)
		n = 1;
	if (n > r->n - at)
		n = r->n - at;
	*ret = (struct gen_rows){ .mode = (uint8_t)r->mode,
		.n_cols = r->n_cols,
		.n_rows = r->n_all,
		.first = r->next,
		.data = { (const char *)(r->data + (size_t)at * r->n_cols),
		    n * each } };
	r->next += n;
}
