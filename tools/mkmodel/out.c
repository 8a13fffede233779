#include "out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct item {
	struct tensor tensor;
	enum ggml_type type;
};

struct out {
	struct gguf_context *gguf;
	struct ggml_context *ggml; /* holds the tensors' shapes, no data */
	struct item *items;
	size_t n, max;
};

struct out *
out_new(size_t tensors)
{
	struct out *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->max = tensors;
	o->items = calloc(tensors, sizeof(*o->items));
	o->gguf = gguf_init_empty();
	o->ggml = ggml_init((struct ggml_init_params){
	    .mem_size = (tensors + 1) * ggml_tensor_overhead(),
	    .no_alloc = true,
	});
	if (o->items == NULL || o->gguf == NULL || o->ggml == NULL) {
		out_free(o);
		return NULL;
	}
	return o;
}

void
out_free(struct out *o)
{
	if (o == NULL)
		return;
	if (o->gguf != NULL)
		gguf_free(o->gguf);
	if (o->ggml != NULL)
		ggml_free(o->ggml);
	free(o->items);
	free(o);
}

struct gguf_context *
out_keys(struct out *o)
{
	return o->gguf;
}

void
out_add(struct out *o, const struct tensor *t, enum ggml_type type)
{
	struct ggml_tensor *shape;

	if (o->n == o->max)
		abort(); /* the caller counted wrong */
	shape = t->is_vector
	    ? ggml_new_tensor_1d(o->ggml, type, t->cols)
	    : ggml_new_tensor_3d(o->ggml, type, t->cols, t->rows, t->planes);
	ggml_set_name(shape, t->name);
	gguf_add_tensor(o->gguf, shape);
	o->items[o->n++] = (struct item){ *t, type };
}

static int
write_all(struct out *o, uint64_t seed, FILE *f)
{
	size_t align = gguf_get_alignment(o->gguf);
	double total = 0, done = 0;

	for (size_t i = 0; i < o->n; i++)
		total += (double)gguf_get_tensor_size(o->gguf, (int64_t)i);
	if (!gguf_write_to_file_ptr(o->gguf, f, true))
		return -1;
	for (size_t i = 0; i < o->n; i++) {
		const struct item *it = &o->items[i];

		if (tensor_write(&it->tensor, it->type, seed, align, f) != 0)
			return -1;
		done += (double)gguf_get_tensor_size(o->gguf, (int64_t)i);
		progress("drawing weights", done / total);
	}
	return 0;
}

int
out_write(struct out *o, uint64_t seed, const char *path)
{
	char *tmp = NULL;
	FILE *f = NULL;
	int rc = -1;

	if (asprintf(&tmp, "%s.part", path) < 0) {
		tmp = NULL;
		goto out;
	}
	f = fopen(tmp, "wb");
	if (f == NULL)
		goto out;
	rc = write_all(o, seed, f);
out:
	if (f != NULL && fclose(f) != 0)
		rc = -1;
	if (rc == 0 && rename(tmp, path) != 0)
		rc = -1;
	progress_done();
	if (rc != 0) {
		fprintf(stderr, "mkmodel: %s: %s\n", path, strerror(errno));
		if (f != NULL)
			unlink(tmp);
	}
	free(tmp);
	return rc;
}

void
progress(const char *what, double share)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\rmkmodel: %s: %3.0f%%", what, share * 100);
}

void
progress_done(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
}
