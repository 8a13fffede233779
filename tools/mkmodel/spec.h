/*
 * spec - what a model to be made looks like: architecture, sizes, type, seed.
 *
 * Presets and architectures are tables; the command line changes fields of a
 * preset's copy. Nothing here touches a file.
 */
#ifndef MKMODEL_SPEC_H
#define MKMODEL_SPEC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define LAYERS_MAX 512u

/* One bit each, so that a tensor's row can name those that have it. A hybrid
 * has two: of its layers that attend, and of those with a state. */
enum arch_bit {
	ARCH_LLAMA = 1,
	ARCH_QWEN2 = 2,
	ARCH_GEMMA = 4,
	ARCH_GEMMA2 = 8,
	ARCH_GEMMA3 = 16,
	ARCH_BERT = 32,	    /* an embedding model: no next token */
	ARCH_QWEN3MOE = 64, /* experts */
	ARCH_MAMBA = 128,   /* recurrent: a state, no KV cache */
	ARCH_LFM2 = 256,
	ARCH_LFM2_CONV = 512, /* short convolutions */
	ARCH_GRANITE = 1024,
	ARCH_GRANITE_SSM = 2048, /* as mamba 2 */
	ARCH_QWEN35 = 4096,
	ARCH_QWEN35_DELTA = 8192, /* a gated delta net */
	ARCH_RANKER = 16384,	  /* beside another: a ranking head */
};

struct arch {
	const char *name; /* general.architecture */
	enum arch_bit bit;
	enum arch_bit recurrent; /* every other layer, the first; 0: none */
	bool is_tied;		 /* the output matrix is the token embedding */
	bool is_causal;		 /* predicts tokens */
};

/* How weights are stored. */
struct type {
	const char *name;
	int ftype;	   /* enum llama_ftype */
	bool is_quantized; /* made by llama.cpp's quantizer from f16 */
};

struct spec {
	const struct arch *arch;
	const struct type *type;
	uint32_t layers;
	uint32_t embd;	   /* width of the residual stream */
	uint32_t heads;	   /* divides embd; embd / heads is even */
	uint32_t kv_heads; /* divides heads */
	uint32_t ffn;
	uint32_t vocab;	  /* tokens, VOCAB_MIN at least */
	uint32_t ctx;	  /* context that the file claims to be trained for */
	uint32_t window;  /* of attention, in tokens; 0: as usual for it */
	uint32_t pooling; /* enum llama_pooling_type; 0: as usual for it */
	uint32_t
	    infill; /* 1: it has tokens for code with a hole, 2: and files */
	uint64_t seed;
};

/* NULL if there is no such name. */
const struct arch *arch_find(const char *name);
const struct type *type_find(const char *name);

/* Fills *ret and returns true, or returns false: no such preset. */
bool spec_preset(const char *name, struct spec *ret);

/* Says on f what is wrong with the numbers, or returns true. */
bool spec_check(const struct spec *s, FILE *f);

/* For --help: the names of presets, architectures and types. */
void spec_list(FILE *f);

/* The kind of a layer. */
static inline enum arch_bit
spec_layer(const struct spec *s, uint32_t layer)
{
	return s->arch->recurrent != 0 && layer % 2 == 0 ? s->arch->recurrent
							 : s->arch->bit;
}

/* Of mamba's time steps, as its makers choose it; its heads in the hybrids. */
static inline uint32_t
spec_ssm_rank(const struct spec *s)
{
	return (s->embd + 15) / 16;
}

static inline uint32_t
spec_head_dim(const struct spec *s)
{
	return s->embd / s->heads;
}

#endif
