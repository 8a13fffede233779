/* The tensors of a head: what they claim, and where they say that they lie. */
#include "gguf/inner.h"
#include "gguf/types.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TENSOR_NAME_MAX 64u /* ggml's */

/* As ggml does it: products that fit 63 bits. */
static int
read_dims(struct gguf *g, struct gguf_tensor *t, struct fail *f)
{
	uint64_t n = 0;
	int err = gguf_read_number(g, 4, "dimensions of", &n, f);

	if (err == 0 && n > GGUF_DIMS)
		return gguf_refuse_number(g, "has", n, " dimensions", f);
	t->n_dims = (uint32_t)n;
	t->n_elements = 1;
	for (uint32_t i = 0; i < GGUF_DIMS; i++)
		t->dims[i] = 1;
	for (uint32_t i = 0; err == 0 && i < t->n_dims; i++) {
		err = gguf_read_number(g, 8, "a dimension of", &t->dims[i], f);
		if (err == 0 && (int64_t)t->dims[i] < 0)
			return gguf_refuse(g, "has a dimension below 0", f);
		if (err == 0 && t->dims[i] != 0 &&
		    t->n_elements > INT64_MAX / t->dims[i])
			return gguf_refuse(g, "has too many elements", f);
		t->n_elements *= t->dims[i];
	}
	return err;
}

static int
measure(struct gguf *g, struct gguf_tensor *t, struct fail *f)
{
	const struct tensor_type *type = types_find(t->type);

	if (type == NULL)
		return gguf_refuse_number(
		    g, "is of type", t->type, ", which ggml does not know", f);
	if (t->dims[0] % type->block != 0)
		return gguf_refuse(g, "has rows that are no whole blocks", f);
	if (t->n_elements / type->block > INT64_MAX / type->size)
		return gguf_refuse(g, "has too many bytes", f);
	t->n_bytes = t->n_elements / type->block * type->size;
	return 0;
}

/* Tensors lie one behind the other, each padded. */
static int
lay(struct gguf *g, const struct gguf_tensor *t, struct fail *f)
{
	uint64_t pad =
	    (g->alignment - t->n_bytes % g->alignment) % g->alignment;

	if (t->offset != g->data)
		return gguf_refuse_number(
		    g, "lies at", t->offset, ", not behind the one before", f);
	if (t->n_bytes + pad > (uint64_t)INT64_MAX - g->data)
		return gguf_refuse(g, "ends beyond any file", f);
	g->data += t->n_bytes + pad;
	return 0;
}

uint64_t
gguf_data_at(const struct gguf *g)
{
	return (g->at + g->alignment - 1) / g->alignment * g->alignment;
}

/* The padding of the last one may be missing. */
static int
check_end(struct gguf *g, uint64_t last_pad, struct fail *f)
{
	uint64_t at = gguf_data_at(g);
	char text[160];

	if (g->n_tensors == 0 ||
	    (at <= g->size && g->data - last_pad <= g->size - at))
		return 0;
	(void)snprintf(text, sizeof(text),
	    "truncated or damaged: %" PRIu64
	    " bytes; its tensors need %" PRIu64,
	    g->size, at + (g->data - last_pad));
	g->in[0] = '\0';
	return gguf_refuse(g, text, f);
}

int
gguf_tensor(struct gguf *g, struct gguf_tensor *ret, struct fail *f)
{
	uint64_t n = 0;
	int err = 0;

	if (g->why.code != 0)
		return gguf_refuse(g, "", f);
	if (g->tensor == g->n_tensors)
		return ERR_EOF;
	err = gguf_read_name(g, &g->tensors, "a tensor's name of", f);
	if (err == 0 && strlen(g->in) >= TENSOR_NAME_MAX)
		return gguf_refuse(g, "the name of a tensor is too long", f);
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->name, g->in, sizeof(ret->name));
	if (err == 0)
		err = read_dims(g, ret, f);
	if (err == 0)
		err = gguf_read_number(g, 4, "type of", &n, f);
	ret->type = (uint32_t)n;
	if (err == 0)
		err = gguf_read_number(g, 8, "offset of", &ret->offset, f);
	if (err == 0)
		err = measure(g, ret, f);
	if (err == 0)
		err = lay(g, ret, f);
	g->tensor++;
	if (err != 0 || g->tensor < g->n_tensors)
		return err;
	n = (g->alignment - ret->n_bytes % g->alignment) % g->alignment;
	return check_end(g, n, f);
}
