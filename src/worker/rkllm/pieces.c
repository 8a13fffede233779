#include "worker/rkllm/pieces.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (128u << 20) /* of each kind */

void
pieces_init(struct pieces *p)
{
	*p = (struct pieces){ .n_row = 0 };
	buf_init(&p->inputs, BYTES_MAX);
	buf_init(&p->texts, BYTES_MAX);
	buf_init(&p->tokens, BYTES_MAX);
	buf_init(&p->rows, BYTES_MAX);
}

void
pieces_done(struct pieces *p)
{
	char *text;

	for (size_t i = 0; i + sizeof(text) <= buf_len(&p->texts);
	     i += sizeof(text)) {
		memcpy(&text, buf_data(&p->texts) + i, sizeof(text));
		free(text);
	}
	buf_done(&p->inputs);
	buf_done(&p->texts);
	buf_done(&p->tokens);
	buf_done(&p->rows);
}

int
pieces_err(const struct pieces *p)
{
	const struct buf *const all[] = { &p->inputs, &p->texts, &p->tokens,
		&p->rows };
	int err = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && err == 0; i++)
		err = buf_err(all[i]);
	return err;
}

int
pieces_put_rows(struct pieces *p, struct str rows, uint32_t n_row)
{
	if (rows.n == 0)
		return 0;
	if (n_row == 0 || rows.n % (n_row * sizeof(float)) != 0)
		return ERR_INVALID;
	p->n_row = n_row;
	buf_put_str(&p->rows, rows);
	return buf_err(&p->rows);
}

uint32_t
pieces_n_rows(const struct pieces *p)
{
	return p->n_row == 0
	    ? 0
	    : (uint32_t)(buf_len(&p->rows) / sizeof(float) / p->n_row);
}

/* They do not move any more. */
static float *
row_at(const struct pieces *p, uint32_t first)
{
	float *all = (float *)(void *)(uintptr_t)buf_data(&p->rows);

	return all + (size_t)first * p->n_row;
}

static struct lib_input *
inputs_of(const struct pieces *p, size_t *ret_n)
{
	*ret_n = buf_len(&p->inputs) / sizeof(struct lib_input);
	return (struct lib_input *)(void *)(uintptr_t)buf_data(&p->inputs);
}

/* One of ours, until the end; NULL: pieces_err() tells. */
static char *
keep(struct pieces *p, struct str text)
{
	char *copy = str_dup(text);

	buf_put(&p->texts, &copy, sizeof(copy));
	if (buf_err(&p->texts) != 0)
		free(copy);
	return buf_err(&p->texts) == 0 ? copy : NULL;
}

static struct lib_input
input_of(enum memo_kind kind, bool enable_thinking)
{
	return (struct lib_input){ .role = kind == MEMO_TOOL ? "tool" : "user",
		.enable_thinking = enable_thinking };
}

void
pieces_text(struct pieces *p, enum memo_kind kind, bool enable_thinking,
    struct str text)
{
	struct lib_input in = input_of(kind, enable_thinking);

	in.type = RKLLM_IN_PROMPT;
	in.prompt = keep(p, text);
	buf_put(&p->inputs, &in, sizeof(in));
}

/* They are found by their place until all are there, for they move. */
void
pieces_tokens(struct pieces *p, struct i32s v)
{
	const struct lib_input in = {
		.type = RKLLM_IN_TOKEN, .role = "user", .tokens = { NULL, v.n }
	};
	size_t n;
	struct lib_input *all = inputs_of(p, &n);

	if (v.n == 0)
		return;
	buf_put(&p->tokens, v.p, v.n * sizeof(*v.p));
	if (n > 0 && all[n - 1].type == RKLLM_IN_TOKEN)
		all[n - 1].tokens.n_tokens += v.n;
	else
		buf_put(&p->inputs, &in, sizeof(in));
}

void
pieces_rows(struct pieces *p, uint32_t first, uint32_t n)
{
	const struct lib_input in = { .type = RKLLM_IN_EMBED,
		.role = "user",
		.embed = { row_at(p, first), n } };

	buf_put(&p->inputs, &in, sizeof(in));
}

void
pieces_images(struct pieces *p, enum memo_kind kind, bool enable_thinking,
    struct str text, const struct memo_images *im, uint32_t first)
{
	struct lib_input in = input_of(kind, enable_thinking);

	in.type = RKLLM_IN_MULTIMODAL;
	in.images = (struct lib_images){ .prompt = keep(p, text),
		.embed = row_at(p, first),
		.n_tokens = im->n_rows,
		.n_images = im->n,
		.width = im->width,
		.height = im->height,
		.start = keep(p, im->start),
		.end = keep(p, im->end),
		.content = keep(p, im->mark) };
	buf_put(&p->inputs, &in, sizeof(in));
}

const struct lib_images *
pieces_last_images(const struct pieces *p)
{
	size_t n;
	const struct lib_input *all = inputs_of(p, &n);

	while (n-- > 0)
		if (all[n].type == RKLLM_IN_MULTIMODAL)
			return &all[n].images;
	return NULL;
}

const struct lib_input *
pieces_all(struct pieces *p, uint32_t *ret_n)
{
	int32_t *at = (int32_t *)(void *)(uintptr_t)buf_data(&p->tokens);
	size_t n;
	struct lib_input *all = inputs_of(p, &n);

	for (size_t i = 0; i < n; i++) {
		if (all[i].type != RKLLM_IN_TOKEN)
			continue;
		all[i].tokens.input_ids = at;
		at += all[i].tokens.n_tokens;
	}
	*ret_n = (uint32_t)n;
	return all;
}
