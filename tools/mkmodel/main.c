/*
 * mkmodel - random-weight models to order, for tests and benchmarks.
 *
 * The same options give the same bytes (on the same machine and engine, where
 * the quantizer is llama.cpp's own). --help says the rest.
 */
#include "check.h"
#include "model.h"

#include <errno.h>
#include <ggml-backend.h>
#include <getopt.h>
#include <llama.h>
#include <stdlib.h>
#include <string.h>

struct job {
	struct spec spec;
	const char *out;
	const char *base;    /* adapt this one */
	const char *check;   /* look at this one instead of making one */
	const char *adapter; /* with this */
	uint32_t rank;
	float alpha; /* 0: twice the rank */
};

enum option_kind { O_U32, O_U64, O_FLOAT, O_TEXT, O_PRESET, O_ARCH, O_TYPE };

struct option_row {
	const char *name;
	enum option_kind kind;
	size_t at; /* offset in struct job */
	const char *help;
};

#define AT(field) offsetof(struct job, field)

static const struct option_row rows[] = {
	{ "preset", O_PRESET, 0, "begin with these sizes (tiny-llama)" },
	{ "arch", O_ARCH, 0, "architecture" },
	{ "type", O_TYPE, 0, "how weights are stored" },
	{ "layers", O_U32, AT(spec.layers), "layers" },
	{ "embd", O_U32, AT(spec.embd), "width" },
	{ "heads", O_U32, AT(spec.heads), "attention heads" },
	{ "kv-heads", O_U32, AT(spec.kv_heads), "key and value heads" },
	{ "ffn", O_U32, AT(spec.ffn), "width of the feed-forward part" },
	{ "vocab", O_U32, AT(spec.vocab), "tokens, 512 at least" },
	{ "ctx", O_U32, AT(spec.ctx), "context length" },
	{ "window", O_U32, AT(spec.window),
	    "sliding window, where it has one" },
	{ "pooling", O_U32, AT(spec.pooling),
	    "of embeddings: 1 mean, 2 cls, 3 last, 4 ranks" },
	{ "infill", O_U32, AT(spec.infill),
	    "1: tokens for code with a hole, 2: and for files beside it" },
	{ "seed", O_U64, AT(spec.seed), "another seed, other weights (1)" },
	{ "lora", O_U32, AT(rank), "an adapter of this rank, for --base" },
	{ "alpha", O_FLOAT, AT(alpha), "its strength (twice the rank)" },
	{ "base", O_TEXT, AT(base), "the model to adapt" },
	{ "out", O_TEXT, AT(out), "file to write" },
	{ "check", O_TEXT, AT(check), "load FILE and decode; write nothing" },
	{ "adapter", O_TEXT, AT(adapter), "with this adapter" },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void
usage(FILE *f)
{
	fprintf(f,
	    "usage: mkmodel [--preset NAME] [options] --out FILE\n"
	    "       mkmodel --lora RANK --base MODEL --out FILE\n"
	    "       mkmodel --check MODEL [--adapter LORA]\n\n");
	for (size_t i = 0; i < N_ROWS; i++)
		fprintf(f, "  --%-9s %s\n", rows[i].name, rows[i].help);
	fprintf(f, "\n");
	spec_list(f);
}

static bool
parse_number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *text == '-' ||
	    v > max)
		return false;
	*ret = v;
	return true;
}

static bool
parse_float(const char *text, float *ret)
{
	char *end;
	float v = strtof(text, &end);

	if (end == text || *end != '\0')
		return false;
	*ret = v;
	return true;
}

/* Puts one option's value where it belongs. */
static bool
apply(struct job *j, const struct option_row *r, const char *text)
{
	void *field = (char *)j + r->at;
	uint64_t v = 0;

	switch (r->kind) {
	case O_U32:
		if (!parse_number(text, UINT32_MAX, &v))
			return false;
		*(uint32_t *)field = (uint32_t)v;
		return true;
	case O_U64:
		return parse_number(text, UINT64_MAX, field);
	case O_FLOAT:
		return parse_float(text, field);
	case O_TEXT:
		*(const char **)field = text;
		return true;
	case O_PRESET:
		return spec_preset(text, &j->spec);
	case O_ARCH:
		j->spec.arch = arch_find(text);
		return j->spec.arch != NULL;
	case O_TYPE:
		j->spec.type = type_find(text);
		return j->spec.type != NULL;
	}
	return false;
}

/* A preset lays the ground for the other options, wherever it stands. */
static bool
parse(struct job *j, int argc, char **argv, bool presets)
{
	struct option longs[N_ROWS + 2] = { { "help", no_argument, NULL,
	    'h' } };
	int c, at;

	for (size_t i = 0; i < N_ROWS; i++)
		longs[i + 1] =
		    (struct option){ rows[i].name, required_argument, NULL, 0 };
	optind = 1;
	while ((c = getopt_long(argc, argv, "h", longs, &at)) != -1) {
		if (c == 'h') {
			usage(stdout);
			exit(0);
		}
		if (c != 0)
			return false;
		if ((rows[at - 1].kind == O_PRESET) != presets)
			continue;
		if (!apply(j, &rows[at - 1], optarg)) {
			fprintf(stderr,
			    "mkmodel: --%s %s: not understood; "
			    "see --help\n",
			    rows[at - 1].name, optarg);
			return false;
		}
	}
	return optind == argc;
}

static int
make(const struct job *j)
{
	float alpha = j->alpha > 0 ? j->alpha : 2 * (float)j->rank;

	if (j->rank > 0)
		return lora_write(
		    j->base, j->rank, alpha, j->spec.seed, j->out);
	if (!spec_check(&j->spec, stderr))
		return -1;
	return model_write(&j->spec, j->out);
}

static void
log_errors(enum ggml_log_level level, const char *text, void *arg)
{
	(void)arg;
	if (level == GGML_LOG_LEVEL_ERROR)
		fputs(text, stderr);
}

int
main(int argc, char **argv)
{
	struct job j = { .out = NULL };

	llama_log_set(log_errors, NULL);
	ggml_backend_load_all();
	(void)spec_preset("tiny-llama", &j.spec);
	if (!parse(&j, argc, argv, true) || !parse(&j, argc, argv, false)) {
		fprintf(stderr, "mkmodel: try --help\n");
		return 2;
	}
	if (j.check != NULL)
		return check_model(j.check, j.adapter) == 0 ? 0 : 1;
	if (j.out == NULL || (j.rank > 0) != (j.base != NULL)) {
		usage(stderr);
		return 2;
	}
	return make(&j) == 0 ? 0 : 1;
}
