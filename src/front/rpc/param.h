/*
 * param - Rockchip's structs as JSON: RKLLMParam, RKLLMInput, RKLLMInferParam.
 *
 * One table per struct says what each field may be; the same tables print the
 * defaults. From the three of them comes the record that a worker needs.
 */
#ifndef FRONT_RPC_PARAM_H
#define FRONT_RPC_PARAM_H

#include "json/fields.h"
#include "wire/msg.h"

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
	struct str img_start; /* into the request, as the two below */
	struct str img_end;
	struct str img_content;
	const struct json_value *extend_param; /* checked, not used yet */
};

enum rkllm_input_type {
	RKLLM_INPUT_PROMPT,
	RKLLM_INPUT_TOKEN,
	RKLLM_INPUT_EMBED,
	RKLLM_INPUT_MULTIMODAL,
};

enum rkllm_infer_mode {
	RKLLM_INFER_GENERATE,
	RKLLM_INFER_GET_LAST_HIDDEN_LAYER,
	RKLLM_INFER_GET_LOGITS,
};

/* A table of fields, for those who resolve parameters. */
struct shape {
	const struct json_field *fields;
	size_t n;
};

extern const struct shape shape_param;
extern const struct shape shape_input;
extern const struct shape shape_infer;

/* Where the JSON of a struct stands: its fields among the method's named
 * parameters, in an object of its own, or in both (the object wins). */
struct source {
	const char *name;		/* of the parameter */
	const struct json_value *outer; /* NULL: not by name */
	const struct json_value *own;	/* NULL or null: absent */
	struct json_how outer_how;
	struct json_how own_how;
};

/* What rkllm_createDefaultParam() returns. */
extern const struct rkllm_param param_defaults;

/* Fills *ret, which holds defaults. 0 or ERR_INVALID. */
int param_read(const struct source *s, struct rkllm_param *ret, struct fail *f)
    MUST_CHECK;

/* An RKLLMInput and an RKLLMInferParam, with the client's defaults p, as a
 * generation. Text and tokens of *ret point into the request and into mem, an
 * initialized buf. 0, ERR_INVALID, ERR_UNSUPPORTED or ERR_NOMEM. */
int param_read_run(const struct source *input, const struct source *infer,
    const struct rkllm_param *p, struct buf *mem, struct gen_submit *ret,
    struct fail *f) MUST_CHECK;

/* Appends an RKLLMParam with the defaults, every field. */
void param_put_defaults(struct buf *b);

#endif
