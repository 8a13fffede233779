#include "front/rpc/constant.h"

#include "front/rpc/submit.h"
#include "json/write.h"

struct row {
	const char *group; /* the first of a group names it */
	const char *name;
	int value;
};

/* The enums and defines of rkllm.h. */
static const struct row rows[] = {
	{ "CPU_MASKS", "CPU0", 1 << 0 },
	{ NULL, "CPU1", 1 << 1 },
	{ NULL, "CPU2", 1 << 2 },
	{ NULL, "CPU3", 1 << 3 },
	{ NULL, "CPU4", 1 << 4 },
	{ NULL, "CPU5", 1 << 5 },
	{ NULL, "CPU6", 1 << 6 },
	{ NULL, "CPU7", 1 << 7 },
	{ "LLM_CALL_STATES", "RKLLM_RUN_NORMAL", 0 },
	{ NULL, "RKLLM_RUN_WAITING", 1 },
	{ NULL, "RKLLM_RUN_FINISH", 2 },
	{ NULL, "RKLLM_RUN_ERROR", 3 },
	{ "INPUT_TYPES", "RKLLM_INPUT_PROMPT", RKLLM_INPUT_PROMPT },
	{ NULL, "RKLLM_INPUT_TOKEN", RKLLM_INPUT_TOKEN },
	{ NULL, "RKLLM_INPUT_EMBED", RKLLM_INPUT_EMBED },
	{ NULL, "RKLLM_INPUT_MULTIMODAL", RKLLM_INPUT_MULTIMODAL },
	{ "INFER_MODES", "RKLLM_INFER_GENERATE", RKLLM_INFER_GENERATE },
	{ NULL, "RKLLM_INFER_GET_LAST_HIDDEN_LAYER",
	    RKLLM_INFER_GET_LAST_HIDDEN_LAYER },
	{ NULL, "RKLLM_INFER_GET_LOGITS", RKLLM_INFER_GET_LOGITS },
};

void
constant_get(struct call *c, const struct args *a)
{
	struct json_out o = json_out(call_open(c));

	(void)a;
	json_open(&o, '{');
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].group != NULL) {
			if (i > 0)
				json_close(&o, '}');
			json_key(&o, rows[i].group);
			json_open(&o, '{');
		}
		json_key_i64(&o, rows[i].name, rows[i].value);
	}
	json_close(&o, '}');
	json_close(&o, '}');
	call_close(c);
}

void
constant_default_param(struct call *c, const struct args *a)
{
	(void)a;
	param_put_defaults(call_open(c));
	call_close(c);
}
