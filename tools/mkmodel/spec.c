#include "spec.h"
#include "vocab.h"

#include <llama.h>
#include <string.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct arch archs[] = {
	{ "llama", ARCH_LLAMA, .is_causal = true },
	{ "qwen2", ARCH_QWEN2, .is_causal = true },
	{ "gemma", ARCH_GEMMA, .is_tied = true, .is_causal = true },
	{ "gemma2", ARCH_GEMMA2, .is_tied = true, .is_causal = true },
	{ "gemma3", ARCH_GEMMA3, .is_tied = true, .is_causal = true },
	{ "bert", ARCH_BERT, .is_tied = true },
	{ "qwen3moe", ARCH_QWEN3MOE, .is_causal = true },
	{ "mamba", ARCH_MAMBA, .is_causal = true },
	{ "lfm2", ARCH_LFM2, ARCH_LFM2_CONV, .is_causal = true },
	{ "granitehybrid", ARCH_GRANITE, ARCH_GRANITE_SSM, .is_causal = true },
	{ "qwen35", ARCH_QWEN35, ARCH_QWEN35_DELTA, .is_causal = true },
};

static const struct type types[] = {
	{ "f32", LLAMA_FTYPE_ALL_F32, false },
	{ "f16", LLAMA_FTYPE_MOSTLY_F16, false },
	{ "q8_0", LLAMA_FTYPE_MOSTLY_Q8_0, true },
	{ "q4_0", LLAMA_FTYPE_MOSTLY_Q4_0, true },
	{ "q3_k", LLAMA_FTYPE_MOSTLY_Q3_K_M, true },
	{ "q4_k", LLAMA_FTYPE_MOSTLY_Q4_K_M, true },
	{ "q5_k", LLAMA_FTYPE_MOSTLY_Q5_K_M, true },
	{ "q6_k", LLAMA_FTYPE_MOSTLY_Q6_K, true },
};

struct preset {
	const char *name;
	const char *arch, *type;
	/* in the order of struct spec */
	uint32_t layers, embd, heads, kv_heads, ffn, vocab, ctx;
};

static const struct preset presets[] = {
	{ "tiny-llama", "llama", "f16", 2, 64, 4, 2, 192, 1024, 512 },
	{ "tiny-qwen2", "qwen2", "f16", 2, 64, 4, 2, 192, 1024, 512 },
	{ "tiny-gemma", "gemma", "f16", 2, 64, 4, 2, 192, 1024, 512 },
	{ "tiny-gemma2", "gemma2", "f16", 2, 64, 4, 2, 192, 1024, 512 },
	{ "tiny-gemma3", "gemma3", "f16", 6, 64, 4, 2, 192, 1024, 512 },
	{ "tiny-bert", "bert", "f16", 2, 64, 4, 4, 192, 1024, 512 },
	{ "tiny-qwen3moe", "qwen3moe", "f16", 2, 64, 4, 2, 96, 1024, 512 },
	{ "tiny-mamba", "mamba", "f16", 2, 64, 4, 2, 192, 1024, 512 },
	{ "tiny-lfm2", "lfm2", "f16", 4, 64, 4, 2, 192, 1024, 512 },
	{ "tiny-granitehybrid", "granitehybrid", "f16", 4, 64, 4, 2, 192, 1024,
	    512 },
	{ "tiny-qwen35", "qwen35", "f16", 4, 64, 4, 2, 192, 1024, 512 },
	/* 99 million parameters */
	{ "100m", "llama", "q8_0", 8, 768, 12, 4, 2048, 32000, 4096 },
	/* 1.0 billion */
	{ "1b", "llama", "q4_k", 16, 2048, 32, 8, 7168, 32000, 8192 },
};

const struct arch *
arch_find(const char *name)
{
	for (size_t i = 0; i < LEN(archs); i++)
		if (strcmp(archs[i].name, name) == 0)
			return &archs[i];
	return NULL;
}

const struct type *
type_find(const char *name)
{
	for (size_t i = 0; i < LEN(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

bool
spec_preset(const char *name, struct spec *ret)
{
	for (size_t i = 0; i < LEN(presets); i++) {
		const struct preset *p = &presets[i];

		if (strcmp(p->name, name) != 0)
			continue;
		*ret = (struct spec){
			.arch = arch_find(p->arch),
			.type = type_find(p->type),
			.layers = p->layers,
			.embd = p->embd,
			.heads = p->heads,
			.kv_heads = p->kv_heads,
			.ffn = p->ffn,
			.vocab = p->vocab,
			.ctx = p->ctx,
			.seed = 1,
		};
		return true;
	}
	return false;
}

static bool
in_range(FILE *f, const char *name, uint32_t v, uint32_t min, uint32_t max)
{
	if (v >= min && v <= max)
		return true;
	fprintf(f, "mkmodel: --%s %u: must be %u to %u\n", name, v, min, max);
	return false;
}

bool
spec_check(const struct spec *s, FILE *f)
{
	if (!in_range(f, "layers", s->layers, 1, LAYERS_MAX) ||
	    !in_range(f, "embd", s->embd, 32, 65536) ||
	    !in_range(f, "heads", s->heads, 1, 1024) ||
	    !in_range(f, "kv-heads", s->kv_heads, 1, s->heads) ||
	    !in_range(f, "ffn", s->ffn, 32, 1u << 20) ||
	    !in_range(f, "vocab", s->vocab, VOCAB_MIN, 1u << 20) ||
	    !in_range(f, "ctx", s->ctx, 8, 1u << 24))
		return false;
	/* ggml's blocks hold 32 weights of a row. */
	if (s->embd % 32 != 0 || s->ffn % 32 != 0) {
		fprintf(f, "mkmodel: --embd and --ffn: multiples of 32\n");
		return false;
	}
	if (s->embd % s->heads != 0 || spec_head_dim(s) % 2 != 0 ||
	    s->heads % s->kv_heads != 0) {
		fprintf(f,
		    "mkmodel: --heads must divide --embd into even "
		    "parts, --kv-heads must divide --heads\n");
		return false;
	}
	if (s->arch->bit == ARCH_BERT && s->kv_heads != s->heads) {
		fprintf(f, "mkmodel: bert wants --kv-heads equal to --heads\n");
		return false;
	}
	return true;
}

void
spec_list(FILE *f)
{
	fprintf(f, "presets:");
	for (size_t i = 0; i < LEN(presets); i++)
		fprintf(f, " %s", presets[i].name);
	fprintf(f, "\narchitectures:");
	for (size_t i = 0; i < LEN(archs); i++)
		fprintf(f, " %s", archs[i].name);
	fprintf(f, "\ntypes:");
	for (size_t i = 0; i < LEN(types); i++)
		fprintf(f, " %s", types[i].name);
	fprintf(f, "\n");
}
