#include "model.h"
#include "out.h"

#include <math.h>
#include <string.h>

/* A matrix of a layer, whose rows and columns an adapter can factor. */
static bool
is_adapted(const struct ggml_tensor *t)
{
	return strncmp(t->name, "blk.", 4) == 0 && ggml_n_dims(t) == 2 &&
	    strlen(t->name) + sizeof(".lora_a") <= GGML_MAX_NAME;
}

static void
add_factor(struct out *o, const struct ggml_tensor *base, const char *suffix,
    int64_t cols, int64_t rows)
{
	struct tensor t = {
		.cols = cols,
		.rows = rows,
		.planes = 1,
		/* Keeps its input's variance, as the base's matrix does. */
		.spread = 1 / sqrtf((float)cols),
	};

	snprintf(t.name, sizeof(t.name), "%.*s%s",
	    (int)(GGML_MAX_NAME - sizeof(".lora_a")), base->name, suffix);
	out_add(o, &t, GGML_TYPE_F32);
}

static void
write_keys(struct gguf_context *g, const char *arch, float alpha)
{
	gguf_set_val_str(g, "general.architecture", arch);
	gguf_set_val_str(g, "general.type", "adapter");
	gguf_set_val_str(g, "general.name", "Bulkhead random adapter");
	gguf_set_val_str(g, "adapter.type", "lora");
	gguf_set_val_f32(g, "adapter.lora.alpha", alpha);
}

static struct out *
make(const struct gguf_context *base, struct ggml_context *shapes,
    uint32_t rank, float alpha)
{
	int64_t arch = gguf_find_key(base, "general.architecture");
	struct out *o = NULL;

	if (arch < 0 || gguf_get_kv_type(base, arch) != GGUF_TYPE_STRING)
		return NULL;
	o = out_new(2 * (size_t)gguf_get_n_tensors(base));
	if (o == NULL)
		return NULL;
	write_keys(out_keys(o), gguf_get_val_str(base, arch), alpha);
	for (struct ggml_tensor *t = ggml_get_first_tensor(shapes); t != NULL;
	     t = ggml_get_next_tensor(shapes, t)) {
		if (!is_adapted(t))
			continue;
		add_factor(o, t, ".lora_a", t->ne[0], rank);
		add_factor(o, t, ".lora_b", rank, t->ne[1]);
	}
	return o;
}

int
lora_write(const char *base, uint32_t rank, float alpha, uint64_t seed,
    const char *path)
{
	struct ggml_context *shapes = NULL;
	struct gguf_context *g = gguf_init_from_file(base,
	    (struct gguf_init_params){ .no_alloc = true, .ctx = &shapes });
	struct out *o = NULL;
	int rc = -1;

	if (g == NULL) {
		fprintf(stderr, "mkmodel: %s: not a GGUF file\n", base);
		return -1;
	}
	o = make(g, shapes, rank, alpha);
	if (o == NULL)
		fprintf(stderr, "mkmodel: %s: no model to adapt\n", base);
	else
		rc = out_write(o, seed, path);
	out_free(o);
	ggml_free(shapes);
	gguf_free(g);
	return rc;
}
