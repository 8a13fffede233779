#include "worker/llama/rows.h"

#include "worker/llama/decode.h"

#include <stdlib.h>
#include <string.h>

static int
check(const struct rows *r, const struct gen_submit *s, struct fail *why)
{
	if (s->mode >= MODE_COUNT)
		return fail_set(
		    why, ERR_INVALID, "mode", "mode: there is no %u", s->mode);
	if (s->done.n > 0)
		return fail_set(why, ERR_INVALID, "done",
		    "done: nothing is generated in this mode");
	if (s->rows_done > r->n_all)
		return fail_set(why, ERR_INVALID, "rows_done",
		    "rows_done: %u, but the prompt has %u tokens", s->rows_done,
		    r->n_all);
	if (r->n_cols == 0 || r->n_cols > ROW_MAX / sizeof(float))
		return fail_set(why, ERR_UNSUPPORTED, "mode",
		    "mode: this model's rows have %u numbers, which is none or "
		    "too many",
		    r->n_cols);
	return 0;
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
	r->n_cols = s->mode == MODE_HIDDEN ? m->n_cols : m->n_vocab;
	r->n_all = n_prompt;
	r->next = s->rows_done;
	err = check(r, s, why);
	if (err != 0)
		return err;
	r->data = calloc(m->rows_chunk, r->n_cols * sizeof(*r->data));
	return r->data != NULL ? 0 : ERR_NOMEM;
}

void
rows_done(struct rows *r)
{
	free(r->data);
	*r = (struct rows){ 0 };
}

int
rows_take(struct rows *r, const struct model *m, uint32_t first, uint32_t n)
{
	r->first = first;
	r->n = 0;
	for (uint32_t i = 0; i < n; i++) {
		const float *row = r->mode == MODE_HIDDEN
		    ? model_hidden(m, (int32_t)i)
		    : model_row(m, (int32_t)i);

		if (row == NULL)
			return ERR_INTERNAL;
		if (first + i >= r->next)
			memcpy(r->data + (size_t)i * r->n_cols, row,
			    r->n_cols * sizeof(*row));
	}
	r->n = n;
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
