#include "param.h"

#include <stdio.h>

#define TOKENS_MAX (1 << 24)
#define ANY_MOST 1000000

enum kind { I32, F32, FLAG };

/* A number in a struct, and what it may be. */
struct bound {
	const char *name;
	uint16_t off;
	uint8_t kind; /* enum kind */
	float least;
	float most;
};

#define BOUND(st, kind, field, least, most)                           \
	{                                                             \
#field, offsetof(struct st, field), kind, least, most \
	}

/* The ranges of docs/RPC.md. */
#define SAMPLING(st)                                                      \
	BOUND(st, I32, top_k, -1, ANY_MOST), BOUND(st, F32, top_p, 0, 1), \
	    BOUND(st, F32, temperature, 0, 100),                          \
	    BOUND(st, F32, repeat_penalty, 0.01f, 100),                   \
	    BOUND(st, F32, frequency_penalty, -100, 100),                 \
	    BOUND(st, F32, presence_penalty, -100, 100),                  \
	    BOUND(st, I32, mirostat, 0, 2),                               \
	    BOUND(st, F32, mirostat_tau, 0, 100),                         \
	    BOUND(st, F32, mirostat_eta, 0, 100)

static const struct bound bounds[] = {
	BOUND(rkllm13_param, I32, max_context_len, 0, TOKENS_MAX),
	BOUND(rkllm13_param, I32, max_new_tokens, -1, TOKENS_MAX),
	BOUND(rkllm13_param, I32, n_keep, -1, TOKENS_MAX),
	SAMPLING(rkllm13_param),
	BOUND(rkllm13_param, FLAG, skip_special_token, 0, 1),
	BOUND(rkllm13_param, FLAG, ignore_eos_token, 0, 1),
	BOUND(rkllm13_param, FLAG, is_async, 0, 1),
	BOUND(rkllm13_param, FLAG, extend_param.embed_flash, 0, 1),
	BOUND(rkllm13_param, FLAG, extend_param.use_cross_attn, 0, 1),
};

static const struct bound sampling_bounds[] = {
	SAMPLING(rkllm13_sampling_param),
};

const struct rkllm13_param param_defaults = {
	.max_context_len = 512,
	.max_new_tokens = 256,
	.top_k = 40,
	.top_p = 0.9f,
	.temperature = 0.8f,
	.repeat_penalty = 1.1f,
	.mirostat_tau = 5.0f,
	.mirostat_eta = 0.1f,
	.extend_param = {
		.enabled_cpus_num = 4,
		.enabled_cpus_mask = 0xf0, /* the fast half of an RK3588 */
		.n_batch = 1,
	},
};

static double
value_of(const struct bound *b, const void *st)
{
	const char *at = (const char *)st + b->off;

	switch ((enum kind)b->kind) {
	case I32:
		return *(const int32_t *)(const void *)at;
	case F32:
		return (double)*(const float *)(const void *)at;
	case FLAG:
		return *(const uint8_t *)(const void *)at;
	}
	return 0;
}

/* NaN is in no range. */
static int
check(const struct bound *b, size_t n, const void *st, struct fail *why)
{
	for (size_t i = 0; i < n; i++) {
		double v = value_of(&b[i], st);

		if (v >= (double)b[i].least && v <= (double)b[i].most)
			continue;
		return fail_set(why, ERR_INVALID, b[i].name,
		    "%s: must be %g to %.8g, not %.8g", b[i].name,
		    (double)b[i].least, (double)b[i].most, v);
	}
	return 0;
}

int
param_check(const struct rkllm13_param *p, struct fail *why)
{
	if (p->extend_param.n_batch > 1)
		return fail_set(why, ERR_UNSUPPORTED, "extend_param.n_batch",
		    "extend_param.n_batch: must be 0 or 1 here, not %u",
		    p->extend_param.n_batch);
	return check(bounds, sizeof(bounds) / sizeof(bounds[0]), p, why);
}

int
param_check_sampling(const struct rkllm13_sampling_param *s, struct fail *why)
{
	return check(sampling_bounds,
	    sizeof(sampling_bounds) / sizeof(sampling_bounds[0]), s, why);
}

struct rkllm13_sampling_param
param_sampling(const struct rkllm13_param *p)
{
	return (struct rkllm13_sampling_param){
		.top_k = p->top_k,
		.top_p = p->top_p,
		.temperature = p->temperature,
		.repeat_penalty = p->repeat_penalty,
		.frequency_penalty = p->frequency_penalty,
		.presence_penalty = p->presence_penalty,
		.mirostat = p->mirostat,
		.mirostat_tau = p->mirostat_tau,
		.mirostat_eta = p->mirostat_eta,
	};
}
