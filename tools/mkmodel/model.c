#include "model.h"
#include "out.h"
#include "vocab.h"

#include <llama.h>
#include <stdlib.h>
#include <unistd.h>

/* The keys of an architecture begin with its name. */
static const char *
key(const struct spec *s, const char *name)
{
	static char buf[96];

	snprintf(buf, sizeof(buf), "%s.%s", s->arch->name, name);
	return buf;
}

static void
set_u32(
    const struct spec *s, struct gguf_context *g, const char *name, uint32_t v)
{
	gguf_set_val_u32(g, key(s, name), v);
}

static void
set_f32(const struct spec *s, struct gguf_context *g, const char *name, float v)
{
	gguf_set_val_f32(g, key(s, name), v);
}

/* Of mamba 2 and the delta net, whose channels are heads. */
static void
write_state_keys(const struct spec *s, struct gguf_context *g, uint32_t inner)
{
	set_u32(s, g, "ssm.conv_kernel", SSM_CONV);
	set_u32(s, g, "ssm.inner_size", inner);
	set_u32(s, g, "ssm.state_size", SSM_STATE);
	set_u32(s, g, "ssm.time_step_rank", spec_ssm_rank(s));
	set_u32(s, g, "ssm.group_count", 1);
}

/* Which layers have a state: every other one, or those without heads for
 * keys. */
static void
write_hybrid_keys(const struct spec *s, struct gguf_context *g)
{
	int32_t sections[4] = { (int32_t)spec_head_dim(s) / 2 };
	uint32_t heads[LAYERS_MAX];

	if (s->arch->bit == ARCH_QWEN35) {
		write_state_keys(s, g, s->embd);
		set_u32(s, g, "full_attention_interval", 2);
		gguf_set_arr_data(g, key(s, "rope.dimension_sections"),
		    GGUF_TYPE_INT32, sections, 4);
		return;
	}
	for (uint32_t l = 0; l < s->layers; l++)
		heads[l] = spec_layer(s, l) == s->arch->bit ? s->kv_heads : 0;
	gguf_set_arr_data(g, key(s, "attention.head_count_kv"),
	    GGUF_TYPE_UINT32, heads, s->layers);
	if (s->arch->bit == ARCH_LFM2)
		set_u32(s, g, "shortconv.l_cache", SSM_CONV);
	else
		write_state_keys(s, g, 2 * s->embd);
}

/* lfm2 may have one. 0: each token sees all before it. */
static uint32_t
window_of(const struct spec *s)
{
	if (s->arch->bit == ARCH_LFM2)
		return s->window;
	if (s->arch->bit != ARCH_GEMMA2 && s->arch->bit != ARCH_GEMMA3)
		return 0;
	return s->window > 0 ? s->window : s->ctx / 2;
}

/* llama.cpp: src/models/<architecture>.cpp, load_arch_hparams(). */
static void
write_special_keys(const struct spec *s, struct gguf_context *g)
{
	enum arch_bit bit = s->arch->bit;

	if (bit == ARCH_BERT) {
		set_f32(s, g, "attention.layer_norm_epsilon", 1e-12f);
		gguf_set_val_bool(g, key(s, "attention.causal"), false);
		if (s->pooling == 0)
			set_u32(s, g, "pooling_type", LLAMA_POOLING_TYPE_MEAN);
		return;
	}
	set_f32(s, g, "attention.layer_norm_rms_epsilon", 1e-5f);
	if (bit == ARCH_MAMBA) {
		set_u32(s, g, "ssm.conv_kernel", SSM_CONV);
		set_u32(s, g, "ssm.inner_size", 2 * s->embd);
		set_u32(s, g, "ssm.state_size", SSM_STATE);
		set_u32(s, g, "ssm.time_step_rank", spec_ssm_rank(s));
		return;
	}
	set_u32(s, g, "rope.dimension_count", spec_head_dim(s));
	set_f32(s, g, "rope.freq_base", 10000.0f);
	if (window_of(s) > 0)
		set_u32(s, g, "attention.sliding_window", window_of(s));
	if (bit == ARCH_QWEN3MOE) {
		set_u32(s, g, "expert_count", N_EXPERTS);
		set_u32(s, g, "expert_used_count", N_EXPERTS_USED);
		set_u32(s, g, "expert_feed_forward_length", s->ffn);
	}
	if (s->arch->recurrent != 0)
		write_hybrid_keys(s, g);
	if (bit == ARCH_GEMMA2) {
		set_f32(s, g, "attn_logit_softcapping", 50.0f);
		set_f32(s, g, "final_logit_softcapping", 30.0f);
	}
}

static void
write_keys(const struct spec *s, struct gguf_context *g)
{
	bool is_f32 = s->type->ftype == LLAMA_FTYPE_ALL_F32;

	gguf_set_val_str(g, "general.architecture", s->arch->name);
	gguf_set_val_str(g, "general.type", "model");
	gguf_set_val_str(g, "general.name", "Bulkhead random weights");
	gguf_set_val_str(g, "general.description",
	    "Random weights by tools/mkmodel, for tests and benchmarks.");
	gguf_set_val_u32(g, "general.file_type",
	    is_f32 ? LLAMA_FTYPE_ALL_F32 : LLAMA_FTYPE_MOSTLY_F16);
	set_u32(s, g, "vocab_size", s->vocab);
	set_u32(s, g, "context_length", s->ctx);
	set_u32(s, g, "embedding_length", s->embd);
	set_u32(s, g, "block_count", s->layers);
	set_u32(s, g, "feed_forward_length", s->ffn);
	set_u32(s, g, "attention.head_count", s->heads);
	set_u32(s, g, "attention.head_count_kv", s->kv_heads);
	set_u32(s, g, "attention.key_length", spec_head_dim(s));
	set_u32(s, g, "attention.value_length", spec_head_dim(s));
	if (s->pooling != 0)
		set_u32(s, g, "pooling_type", s->pooling);
	write_special_keys(s, g);
}

static int
count(const struct tensor *t, void *arg)
{
	(void)t;
	++*(size_t *)arg;
	return 0;
}

struct adding {
	const struct spec *spec;
	struct out *out;
};

static int
add(const struct tensor *t, void *arg)
{
	const struct adding *a = arg;

	out_add(a->out, t, tensor_type(a->spec, t));
	return 0;
}

static int
write_plain(const struct spec *s, const char *path)
{
	struct adding a = { .spec = s };
	size_t n = 0;
	int rc = -1;

	(void)tensors_each(s, count, &n);
	a.out = out_new(n);
	if (a.out == NULL)
		goto out;
	write_keys(s, out_keys(a.out));
	if (vocab_write(s, out_keys(a.out)) != 0)
		goto out;
	(void)tensors_each(s, add, &a);
	rc = out_write(a.out, s->seed, path);
out:
	out_free(a.out);
	return rc;
}

static int
quantize(const char *from, int ftype, const char *path)
{
	struct llama_model_quantize_params p =
	    llama_model_quantize_default_params();
	char *tmp = NULL;
	int rc = -1;

	if (asprintf(&tmp, "%s.part", path) < 0)
		return -1;
	p.ftype = (enum llama_ftype)ftype;
	progress("quantizing", 0);
	if (llama_model_quantize(from, tmp, &p) != 0)
		fprintf(stderr, "mkmodel: %s: llama.cpp could not quantize\n",
		    path);
	else if (rename(tmp, path) != 0)
		perror(path);
	else
		rc = 0;
	progress_done();
	if (rc != 0)
		unlink(tmp);
	free(tmp);
	return rc;
}

int
model_write(const struct spec *s, const char *path)
{
	char *plain = NULL;
	int rc;

	if (!s->type->is_quantized)
		return write_plain(s, path);
	if (asprintf(&plain, "%s.f16", path) < 0)
		return -1;
	rc = write_plain(s, plain);
	if (rc == 0)
		rc = quantize(plain, s->type->ftype, path);
	unlink(plain);
	free(plain);
	return rc;
}
