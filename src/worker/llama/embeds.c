#include "worker/llama/embeds.h"

#include "worker/llama/exact.h"

#include <stdlib.h>
#include <string.h>

int
embeds_count(const struct model *m, const struct gen_submit *s, uint32_t *ret,
    struct fail *why)
{
	size_t each = m->n_embd * sizeof(float);

	*ret = 0;
	if (s->embeds.n == 0 && s->n_old_embeds == 0)
		return 0;
	if (each == 0)
		return fail_set(why, ERR_UNSUPPORTED, "embed",
		    "embed: this model takes no embeddings");
	if (s->embeds.n % each != 0)
		return fail_set(why, ERR_INVALID, "embed",
		    "embed: %zu numbers are no whole rows of %u, as this model "
		    "has them",
		    s->embeds.n / sizeof(float), m->n_embd);
	*ret = (uint32_t)(s->embeds.n / each);
	if (s->n_old_embeds > *ret)
		return fail_set(why, ERR_INVALID, "embed",
		    "embed: %u rows, but the conversation has %u", *ret,
		    s->n_old_embeds);
	return 0;
}

int
embeds_init(struct embeds *e, const struct model *m, const struct gen_submit *s,
    struct fail *why)
{
	int err;

	*e = (struct embeds){ 0 };
	err = embeds_count(m, s, &e->n, why);
	if (err != 0 || e->n == 0)
		return err;
	e->rows = malloc(s->embeds.n);
	e->hashes = calloc(e->n, sizeof(*e->hashes));
	if (e->rows == NULL || e->hashes == NULL)
		return ERR_NOMEM;
	memcpy(e->rows, s->embeds.p, s->embeds.n);
	for (uint32_t i = 0; i < e->n; i++)
		e->hashes[i] =
		    exact_hash(e->rows + (size_t)i * m->n_embd, m->n_embd);
	return 0;
}

void
embeds_done(struct embeds *e)
{
	free(e->rows);
	free(e->hashes);
	*e = (struct embeds){ 0 };
}

int
embeds_check_tokens(struct i32s tokens, uint32_t n_vocab, uint32_t n,
    const char *field, struct fail *why)
{
	for (uint32_t i = 0; i < tokens.n; i++) {
		int32_t t = tokens.p[i];

		if (embed_is(t) ? embed_row(t) < n : (uint32_t)t < n_vocab)
			continue;
		return fail_set(why, ERR_INVALID, field,
		    "%s[%u]: token id %d is not below the model's %u", field, i,
		    t, n_vocab);
	}
	return 0;
}

uint32_t
embeds_alike(const int32_t *tokens, uint32_t from, uint32_t n)
{
	uint32_t i = 1;

	while (i < n && embed_is(tokens[from + i]) == embed_is(tokens[from]))
		i++;
	return i;
}
