/*
 * param - RKLLMParam: what init takes, with Rockchip's defaults.
 */
#ifndef FRONT_RPC_PARAM_H
#define FRONT_RPC_PARAM_H

#include "base/buf.h"
#include "front/rpc/fields.h"

#include <stdbool.h>

/* Rockchip's RKLLMSamplingParam (1.3.0), also part of RKLLMParam. */
struct rkllm_sampling {
	int32_t top_k;
	float top_p;
	float temperature;
	float repeat_penalty;
	float frequency_penalty;
	float presence_penalty;
	int32_t mirostat;
	float mirostat_tau;
	float mirostat_eta;
};

struct rkllm_param {
	struct str model_path; /* into the request */
	int32_t max_context_len;
	int32_t max_new_tokens; /* <= 0: until the context is full */
	int32_t n_keep;
	struct rkllm_sampling sampling;
	bool skip_special_token;
	bool ignore_eos_token; /* 1.3.0 */
	bool is_async;
	struct str img_start; /* into the request, or kept; so the two below */
	struct str img_end;
	struct str img_content;
	const struct json_value *extend_param; /* in the request */
	uint32_t n_batch; /* of extend_param: inputs of a run */
	char *kept; /* what img_* point into after param_keep(); or NULL */
};

/* The request is going: what it has of strings is copied or forgotten. 0, or
 * ERR_NOMEM: all are forgotten. */
int param_keep(struct rkllm_param *p) MUST_CHECK;

/* Frees what it keeps. */
void param_drop(struct rkllm_param *p);

/* clang-format off */

/* A penalty of 0 would divide logits by zero. */
#define SAMPLING_FIELDS(type, in)                              \
	FIELD(I32, type, in, top_k, 0, -1, 1000000),           \
	FIELD(F32, type, in, top_p, 0, 0, 1),                  \
	FIELD(F32, type, in, temperature, 0, 0, 100),          \
	FIELD(F32, type, in, repeat_penalty, 0, 0.01, 100),    \
	FIELD(F32, type, in, frequency_penalty, 0, -100, 100), \
	FIELD(F32, type, in, presence_penalty, 0, -100, 100),  \
	FIELD(I32, type, in, mirostat, 0, 0, 2),               \
	FIELD(F32, type, in, mirostat_tau, 0, 0, 100),         \
	FIELD(F32, type, in, mirostat_eta, 0, 0, 100)

/* clang-format on */

extern const struct shape shape_param;

/* What rkllm_createDefaultParam() returns. */
extern const struct rkllm_param param_defaults;

/* Fills *ret, which holds defaults. 0 or ERR_INVALID. */
int param_read(const struct source *s, struct rkllm_param *ret, struct fail *f)
    MUST_CHECK;

/* Appends an RKLLMParam with the defaults, every field. */
void param_put_defaults(struct buf *b);

#endif
