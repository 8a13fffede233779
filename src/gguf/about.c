#include "gguf/about.h"

#include "gguf/types.h"

#include <stdio.h>
#include <string.h>

#define COUNT(member, key, what) { key, offsetof(struct gguf_about, member) },
static const struct {
	const char *key;
	size_t off;
} counts[] = { GGUF_COUNTS(COUNT) };
#undef COUNT
#define N_COUNTS (sizeof(counts) / sizeof(counts[0]))

/* What decides between texts of a file: bytes by type of tensor. */
#define TYPES_MAX 64u

struct reading {
	struct gguf *g;
	struct gguf_about *to;
	struct fail *f;
	uint64_t file_type; /* UINT64_MAX: not said */
	bool has_tokens;
	uint64_t by_type[TYPES_MAX];
};

static uint32_t
cut(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static void
keep_text(const struct gguf_value *v, char *ret, size_t size)
{
	if (v->kind == GGUF_TEXT)
		(void)snprintf(ret, size, "%.*s", (int)size - 1, v->text);
}

/* The texts of general keys. */
static void
heed_general(struct reading *r, const struct gguf_value *v)
{
	struct gguf_about *a = r->to;

	if (strcmp(v->key, "general.architecture") == 0)
		keep_text(v, a->arch, sizeof(a->arch));
	else if (strcmp(v->key, "general.name") == 0)
		keep_text(v, a->name, sizeof(a->name));
	else if (strcmp(v->key, "general.type") == 0)
		keep_text(v, a->kind, sizeof(a->kind));
	else if (strcmp(v->key, "general.file_type") == 0 && gguf_is_count(v))
		r->file_type = v->number;
	else if (strcmp(v->key, "split.no") == 0 && gguf_is_count(v))
		a->split = cut(v->number);
	else if (strcmp(v->key, "split.count") == 0 && gguf_is_count(v))
		a->n_split = cut(v->number);
	else if (strcmp(v->key, "tokenizer.chat_template") == 0)
		a->has_template = v->kind == GGUF_TEXT && v->n > 0;
	else if (strcmp(v->key, "tokenizer.ggml.tokens") == 0 &&
	    v->kind == GGUF_ARRAY) {
		a->n_vocab = cut(v->n);
		r->has_tokens = v->of == GGUF_TEXT && v->n > 0;
	}
}

/* One number, or one for each layer: the most of them. */
static int
read_count(struct reading *r, const struct gguf_value *v, uint32_t *ret,
    bool is_heads_kv)
{
	struct gguf_value one;
	int err;

	if (gguf_is_count(v))
		*ret = cut(v->number);
	if (v->kind != GGUF_ARRAY)
		return 0;
	while ((err = gguf_element(r->g, &one, r->f)) == 0) {
		uint32_t n = gguf_is_count(&one) ? cut(one.number) : 0;

		if (n > *ret)
			*ret = n;
		if (is_heads_kv && r->to->n_heads_kv < GGUF_LAYERS_MAX)
			r->to->heads_kv[r->to->n_heads_kv++] = n;
	}
	return err == ERR_EOF ? 0 : err;
}

/* "llama.block_count": whatever the architecture, which may be named later. */
static int
heed(struct reading *r, const struct gguf_value *v)
{
	const char *dot = strchr(v->key, '.');

	heed_general(r, v);
	if (dot == NULL || strncmp(v->key, "general.", 8) == 0 ||
	    strncmp(v->key, "tokenizer.", 10) == 0)
		return 0;
	for (size_t i = 0; i < N_COUNTS; i++) {
		void *at = (char *)r->to + counts[i].off;

		if (strcmp(dot + 1, counts[i].key) != 0)
			continue;
		/* The tokens themselves say it better. */
		if (at == &r->to->n_vocab && r->to->n_vocab != 0)
			return 0;
		return read_count(r, v, at, at == &r->to->n_head_kv);
	}
	return 0;
}

static void
find_quant(struct reading *r)
{
	const char *name = types_mixture(r->file_type);
	const struct tensor_type *type;
	uint32_t most = 0;

	for (uint32_t i = 1; i < TYPES_MAX; i++)
		if (r->by_type[i] > r->by_type[most])
			most = i;
	type = types_find(most);
	if (name == NULL && type != NULL && r->to->n_bytes > 0)
		name = type->name;
	(void)snprintf(
	    r->to->quant, sizeof(r->to->quant), "%s", name != NULL ? name : "");
}

/* What a file leaves out is as llama.cpp takes it. */
static void
fill_in(struct gguf_about *a)
{
	if (a->n_head_kv == 0)
		a->n_head_kv = a->n_head;
	if (a->head_k == 0 && a->n_head > 0)
		a->head_k = a->n_embd / a->n_head;
	if (a->head_v == 0 && a->n_head > 0)
		a->head_v = a->n_embd / a->n_head;
}

static int
no_model(struct reading *r, const char *what)
{
	return fail_set(r->f, ERR_UNSUPPORTED, "model", "%s", what);
}

static int
judge(struct reading *r)
{
	const struct gguf_about *a = r->to;

	if (strcmp(a->kind, "adapter") == 0)
		return no_model(r, "is a LoRA adapter; give it with --lora");
	if (strcmp(a->arch, "clip") == 0 || strcmp(a->kind, "mmproj") == 0)
		return no_model(r, "is a projector of images, not a model");
	if (strcmp(a->kind, "imatrix") == 0)
		return no_model(r, "is an importance matrix, not a model");
	if (a->split > 0)
		return no_model(
		    r, "is not the first part of its model; name that one");
	if (a->arch[0] == '\0')
		return no_model(r, "does not say its general.architecture");
	if (a->n_tensors == 0 && a->n_split <= 1)
		return no_model(r, "holds no tensors");
	if (a->n_layer == 0 || a->n_embd == 0)
		return no_model(
		    r, "does not say its block_count or embedding_length");
	if (!r->has_tokens)
		return no_model(r, "has no vocabulary");
	return 0;
}

int
gguf_about(struct gguf *g, struct gguf_about *ret, struct fail *f)
{
	struct reading r = {
		.g = g, .to = ret, .f = f, .file_type = UINT64_MAX
	};
	struct gguf_value v;
	struct gguf_tensor t;
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->n_tensors = gguf_n_tensors(g);
	while ((err = gguf_key(g, &v, f)) == 0 && (err = heed(&r, &v)) == 0)
		;
	if (err != ERR_EOF)
		return err;
	fill_in(ret);
	while ((err = gguf_tensor(g, &t, f)) == 0) {
		ret->n_params += t.n_elements;
		ret->n_bytes += t.n_bytes;
		r.by_type[t.type % TYPES_MAX] += t.n_bytes;
	}
	if (err != ERR_EOF)
		return err;
	find_quant(&r);
	return judge(&r);
}
