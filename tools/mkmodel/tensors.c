#include "tensors.h"
#include "rng.h"
#include "vocab.h"

#include <llama.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Deviation of the logits. */
#define LOGITS 3.0f

#define GEMMAS (ARCH_GEMMA | ARCH_GEMMA2 | ARCH_GEMMA3)
#define HYBRIDS (ARCH_LFM2 | ARCH_GRANITE | ARCH_QWEN35)
#define STATEFUL (ARCH_LFM2_CONV | ARCH_GRANITE_SSM | ARCH_QWEN35_DELTA)
#define PLAIN (ARCH_LLAMA | ARCH_QWEN2 | GEMMAS | ARCH_QWEN3MOE)
#define ATTENTIVE (PLAIN | HYBRIDS)
#define CAUSAL (ATTENTIVE | ARCH_MAMBA | STATEFUL)
#define DENSE (ARCH_LLAMA | ARCH_QWEN2 | GEMMAS | HYBRIDS | STATEFUL)
#define QK_NORMS (ARCH_GEMMA3 | ARCH_QWEN3MOE | ARCH_LFM2 | ARCH_QWEN35)
#define POST_NORMS (ARCH_GEMMA2 | ARCH_GEMMA3)
#define QWEN35 (ARCH_QWEN35 | ARCH_QWEN35_DELTA)
#define MAMBAS (ARCH_MAMBA | ARCH_GRANITE_SSM)
#define LFM2 (ARCH_LFM2 | ARCH_LFM2_CONV)
/* Have a norm before their feed-forward part, by that name. */
#define FFN_NORMS                                           \
	((PLAIN | LFM2 | ARCH_GRANITE | ARCH_GRANITE_SSM) & \
	    ~(unsigned)ARCH_GEMMA)

enum dim {
	NONE,
	ONE,
	EMBD,
	KV,
	HEAD,
	FFN,
	VOCAB,
	CTX,
	TYPES,
	EXPERTS,
	INNER,	/* mamba's channels */
	INNER2, /* and their gates */
	STATE,
	CONV,
	RANK,	  /* of its time steps */
	RANKX,	  /* and what goes into the state and out of it */
	EMBD2,	  /* queries and their gates */
	EMBD3,	  /* of lfm2: what is convolved, and two gates */
	MIXED,	  /* of mamba 2: its channels, and what goes in and out */
	MIXED_IN, /* these, their gates and the time steps */
	DELTA,	  /* of a delta net: queries, keys and values */
};

enum fill {
	FILL_KEEP,    /* a matrix that keeps its input's variance */
	FILL_EXPERTS, /* one of these for each expert */
	FILL_TABLE,   /* a row for each token or position */
	FILL_LOGIT,   /* the output matrix */
	FILL_ONE,     /* a norm's gain */
	FILL_LOUD,    /* a norm's gain where the embedding is also the output:
		     * what the layers add must outweigh the last token, or
		     * the model would only repeat it */
	FILL_BIAS,
	FILL_DECAY, /* mamba's A */
};

struct row {
	const char *name; /* with %u: one in each layer */
	enum dim cols, rows;
	enum fill fill;
	unsigned archs; /* enum arch_bit, those that have it */
};

/* llama.cpp: src/models/<architecture>.cpp, load_arch_tensors(). */
static const struct row once[] = {
	{ "token_embd.weight", EMBD, VOCAB, FILL_TABLE, CAUSAL | ARCH_BERT },
	{ "position_embd.weight", EMBD, CTX, FILL_TABLE, ARCH_BERT },
	{ "token_types.weight", EMBD, TYPES, FILL_TABLE, ARCH_BERT },
	{ "token_embd_norm.weight", EMBD, NONE, FILL_ONE, ARCH_BERT | LFM2 },
	{ "token_embd_norm.bias", EMBD, NONE, FILL_BIAS, ARCH_BERT },
	/* lfm2's has the name above. */
	{ "output_norm.weight", EMBD, NONE, FILL_ONE,
	    CAUSAL & ~(unsigned)LFM2 },
	{ "output.weight", EMBD, VOCAB, FILL_LOGIT,
	    CAUSAL & ~(unsigned)GEMMAS },
	{ "cls.weight", EMBD, EMBD, FILL_KEEP, ARCH_RANKER },
	{ "cls.bias", EMBD, NONE, FILL_BIAS, ARCH_RANKER },
	{ "cls.output.weight", EMBD, ONE, FILL_LOGIT, ARCH_RANKER },
	{ "cls.output.bias", ONE, NONE, FILL_BIAS, ARCH_RANKER },
};

#define BLK "blk.%u."
static const struct row each_layer[] = {
	{ BLK "attn_norm.weight", EMBD, NONE, FILL_ONE, CAUSAL },
	{ BLK "attn_q.weight", EMBD, EMBD, FILL_KEEP,
	    (ATTENTIVE | ARCH_BERT) & ~(unsigned)ARCH_QWEN35 },
	{ BLK "attn_q.weight", EMBD, EMBD2, FILL_KEEP, ARCH_QWEN35 },
	{ BLK "attn_q.bias", EMBD, NONE, FILL_BIAS, ARCH_QWEN2 | ARCH_BERT },
	{ BLK "attn_q_norm.weight", HEAD, NONE, FILL_ONE, QK_NORMS },
	{ BLK "attn_k.weight", EMBD, KV, FILL_KEEP, ATTENTIVE | ARCH_BERT },
	{ BLK "attn_k.bias", KV, NONE, FILL_BIAS, ARCH_QWEN2 | ARCH_BERT },
	{ BLK "attn_k_norm.weight", HEAD, NONE, FILL_ONE, QK_NORMS },
	{ BLK "attn_v.weight", EMBD, KV, FILL_KEEP, ATTENTIVE | ARCH_BERT },
	{ BLK "attn_v.bias", KV, NONE, FILL_BIAS, ARCH_QWEN2 | ARCH_BERT },
	{ BLK "attn_output.weight", EMBD, EMBD, FILL_KEEP,
	    ATTENTIVE | ARCH_BERT },
	{ BLK "attn_output.bias", EMBD, NONE, FILL_BIAS, ARCH_BERT },
	{ BLK "attn_output_norm.weight", EMBD, NONE, FILL_ONE, ARCH_BERT },
	{ BLK "attn_output_norm.bias", EMBD, NONE, FILL_BIAS, ARCH_BERT },
	{ BLK "post_attention_norm.weight", EMBD, NONE, FILL_LOUD, POST_NORMS },
	{ BLK "post_attention_norm.weight", EMBD, NONE, FILL_ONE, QWEN35 },
	{ BLK "ffn_norm.weight", EMBD, NONE, FILL_ONE, FFN_NORMS },
	{ BLK "ffn_norm.weight", EMBD, NONE, FILL_LOUD, ARCH_GEMMA },
	{ BLK "ffn_gate_inp.weight", EMBD, EXPERTS, FILL_LOGIT, ARCH_QWEN3MOE },
	{ BLK "ffn_gate_exps.weight", EMBD, FFN, FILL_EXPERTS, ARCH_QWEN3MOE },
	{ BLK "ffn_up_exps.weight", EMBD, FFN, FILL_EXPERTS, ARCH_QWEN3MOE },
	{ BLK "ffn_down_exps.weight", FFN, EMBD, FILL_EXPERTS, ARCH_QWEN3MOE },
	{ BLK "shortconv.in_proj.weight", EMBD, EMBD3, FILL_KEEP,
	    ARCH_LFM2_CONV },
	{ BLK "shortconv.conv.weight", CONV, EMBD, FILL_KEEP, ARCH_LFM2_CONV },
	{ BLK "shortconv.out_proj.weight", EMBD, EMBD, FILL_KEEP,
	    ARCH_LFM2_CONV },
	{ BLK "attn_qkv.weight", EMBD, DELTA, FILL_KEEP, ARCH_QWEN35_DELTA },
	{ BLK "attn_gate.weight", EMBD, EMBD, FILL_KEEP, ARCH_QWEN35_DELTA },
	{ BLK "ssm_in.weight", EMBD, INNER2, FILL_KEEP, ARCH_MAMBA },
	{ BLK "ssm_in.weight", EMBD, MIXED_IN, FILL_KEEP, ARCH_GRANITE_SSM },
	{ BLK "ssm_conv1d.weight", CONV, INNER, FILL_KEEP, ARCH_MAMBA },
	{ BLK "ssm_conv1d.weight", CONV, MIXED, FILL_KEEP, ARCH_GRANITE_SSM },
	{ BLK "ssm_conv1d.weight", CONV, DELTA, FILL_KEEP, ARCH_QWEN35_DELTA },
	{ BLK "ssm_conv1d.bias", INNER, NONE, FILL_BIAS, ARCH_MAMBA },
	{ BLK "ssm_conv1d.bias", MIXED, NONE, FILL_BIAS, ARCH_GRANITE_SSM },
	{ BLK "ssm_x.weight", INNER, RANKX, FILL_KEEP, ARCH_MAMBA },
	{ BLK "ssm_dt.weight", RANK, INNER, FILL_KEEP, ARCH_MAMBA },
	{ BLK "ssm_dt.bias", INNER, NONE, FILL_BIAS, ARCH_MAMBA },
	{ BLK "ssm_dt.bias", RANK, NONE, FILL_BIAS,
	    ARCH_GRANITE_SSM | ARCH_QWEN35_DELTA },
	{ BLK "ssm_a", STATE, INNER, FILL_DECAY, ARCH_MAMBA },
	{ BLK "ssm_a", ONE, RANK, FILL_DECAY, ARCH_GRANITE_SSM },
	{ BLK "ssm_a", RANK, NONE, FILL_DECAY, ARCH_QWEN35_DELTA },
	{ BLK "ssm_d", INNER, NONE, FILL_ONE, ARCH_MAMBA },
	{ BLK "ssm_d", ONE, RANK, FILL_ONE, ARCH_GRANITE_SSM },
	{ BLK "ssm_alpha.weight", EMBD, RANK, FILL_KEEP, ARCH_QWEN35_DELTA },
	{ BLK "ssm_beta.weight", EMBD, RANK, FILL_KEEP, ARCH_QWEN35_DELTA },
	{ BLK "ssm_norm.weight", INNER, NONE, FILL_ONE, ARCH_GRANITE_SSM },
	{ BLK "ssm_norm.weight", STATE, NONE, FILL_ONE, ARCH_QWEN35_DELTA },
	{ BLK "ssm_out.weight", INNER, EMBD, FILL_KEEP, MAMBAS },
	{ BLK "ssm_out.weight", EMBD, EMBD, FILL_KEEP, ARCH_QWEN35_DELTA },
	{ BLK "ffn_gate.weight", EMBD, FFN, FILL_KEEP, DENSE },
	{ BLK "ffn_up.weight", EMBD, FFN, FILL_KEEP, DENSE | ARCH_BERT },
	{ BLK "ffn_up.bias", FFN, NONE, FILL_BIAS, ARCH_BERT },
	{ BLK "ffn_down.weight", FFN, EMBD, FILL_KEEP, DENSE | ARCH_BERT },
	{ BLK "ffn_down.bias", EMBD, NONE, FILL_BIAS, ARCH_BERT },
	{ BLK "post_ffw_norm.weight", EMBD, NONE, FILL_LOUD, POST_NORMS },
	{ BLK "layer_output_norm.weight", EMBD, NONE, FILL_ONE, ARCH_BERT },
	{ BLK "layer_output_norm.bias", EMBD, NONE, FILL_BIAS, ARCH_BERT },
};

static int64_t
size_of(const struct spec *s, enum dim d)
{
	switch (d) {
	case EMBD:
		return s->embd;
	case KV:
		return (int64_t)spec_head_dim(s) * s->kv_heads;
	case HEAD:
		return spec_head_dim(s);
	case FFN:
		return s->ffn;
	case VOCAB:
		return s->vocab;
	case CTX:
		return s->ctx;
	case TYPES:
		return 2;
	case EXPERTS:
		return N_EXPERTS;
	case INNER:
		return 2 * (int64_t)s->embd;
	case INNER2:
		return 4 * (int64_t)s->embd;
	case STATE:
		return SSM_STATE;
	case CONV:
		return SSM_CONV;
	case RANK:
		return spec_ssm_rank(s);
	case RANKX:
		return spec_ssm_rank(s) + 2 * SSM_STATE;
	case EMBD2:
		return 2 * (int64_t)s->embd;
	case EMBD3:
		return 3 * (int64_t)s->embd;
	case MIXED:
		return 2 * (int64_t)s->embd + 2 * SSM_STATE;
	case MIXED_IN:
		return 4 * (int64_t)s->embd + 2 * SSM_STATE + spec_ssm_rank(s);
	case DELTA:
		return s->embd + 2 * SSM_STATE;
	case ONE:
	case NONE:
		break;
	}
	return 1;
}

static void
set_weights(const struct spec *s, const struct row *r, struct tensor *t)
{
	float keep = 1 / sqrtf((float)t->cols);

	switch (r->fill) {
	case FILL_EXPERTS:
	case FILL_KEEP:
		t->spread = keep;
		break;
	case FILL_TABLE:
		/* gemma multiplies it by the root of embd and uses it for the
		 * logits too. */
		t->spread = s->arch->bit & GEMMAS ? LOGITS * keep : 1;
		break;
	case FILL_LOGIT:
		t->spread = LOGITS * keep;
		break;
	case FILL_ONE:
		t->value = 1;
		break;
	case FILL_LOUD:
		t->value = 2 * LOGITS;
		break;
	case FILL_BIAS:
		t->spread = 0.1f;
		break;
	case FILL_DECAY:
		t->is_rising = true;
		break;
	}
	if (s->arch->is_causal && r->rows == VOCAB &&
	    (s->arch->is_tied || r->fill == FILL_LOGIT))
		t->quiet = VOCAB_FIRST_TEXT;
}

static int
visit(const struct spec *s, const struct row *r, uint32_t layer, tensor_fn fn,
    void *arg)
{
	struct tensor t = {
		.cols = size_of(s, r->cols),
		.rows = size_of(s, r->rows),
		.planes = r->fill == FILL_EXPERTS ? N_EXPERTS : 1,
		.is_vector = r->rows == NONE,
	};
	unsigned bits = spec_layer(s, layer);

	if (s->pooling == LLAMA_POOLING_TYPE_RANK && !s->arch->is_causal)
		bits |= ARCH_RANKER;
	if ((r->archs & bits) == 0)
		return 0;
	/* Added to f32 by ggml without a conversion. */
	t.is_small = t.is_vector || r->rows == CTX || r->rows == TYPES ||
	    r->rows == EXPERTS || r->cols == CONV || r->cols == ONE ||
	    r->fill == FILL_DECAY;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(t.name, sizeof(t.name), r->name, layer);
#pragma GCC diagnostic pop
	set_weights(s, r, &t);
	return fn(&t, arg);
}

int
tensors_each(const struct spec *s, tensor_fn fn, void *arg)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(once) / sizeof(once[0]); i++)
		rc = visit(s, &once[i], 0, fn, arg);
	for (uint32_t l = 0; l < s->layers; l++)
		for (size_t i = 0;
		     rc == 0 && i < sizeof(each_layer) / sizeof(each_layer[0]);
		     i++)
			rc = visit(s, &each_layer[i], l, fn, arg);
	return rc;
}

enum ggml_type
tensor_type(const struct spec *s, const struct tensor *t)
{
	if (t->is_small || s->type->ftype == LLAMA_FTYPE_ALL_F32)
		return GGML_TYPE_F32;
	return GGML_TYPE_F16;
}

static void
fill_row(const struct tensor *t, uint64_t stream, int64_t row, float *out)
{
	float spread = row < t->quiet ? t->spread / 10 : t->spread;
	uint64_t first = (uint64_t)(row * t->cols);

	for (int64_t i = 0; i < t->cols; i++)
		out[i] = t->is_rising ? -(float)(i + 1)
				      : t->value +
			spread * rng_normal(stream, first + (uint64_t)i);
}

int
tensor_write(const struct tensor *t, enum ggml_type type, uint64_t seed,
    size_t align, FILE *f)
{
	uint64_t stream = rng_stream(seed, t->name);
	size_t n = (size_t)t->cols, row_size = ggml_row_size(type, t->cols);
	size_t size = row_size * (size_t)(t->rows * t->planes);
	size_t pad = GGML_PAD(size, align) - size;
	float *row = malloc(n * sizeof(*row));
	ggml_fp16_t *half = malloc(n * sizeof(*half));
	int rc = row == NULL || half == NULL ? -1 : 0;

	for (int64_t i = 0; rc == 0 && i < t->rows * t->planes; i++) {
		const void *data = row;

		fill_row(t, stream, i, row);
		if (type == GGML_TYPE_F16) {
			ggml_fp32_to_fp16_row(row, half, t->cols);
			data = half;
		}
		if (fwrite(data, row_size, 1, f) != 1)
			rc = -1;
	}
	for (size_t i = 0; rc == 0 && i < pad; i++)
		if (putc(0, f) == EOF)
			rc = -1;
	free(row);
	free(half);
	return rc;
}
