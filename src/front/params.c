#include "front/params.h"

#include "base/err.h"

void
params_default(struct gen_submit *p)
{
	*p = (struct gen_submit){
		.add_special = 1,
		.enable_thinking = 1,
		.seed = UINT64_MAX,
		.temperature = 0.8f,
		.dynatemp_exponent = 1.0f,
		.top_k = 40,
		.top_p = 0.95f,
		.min_p = 0.05f,
		.typical_p = 1.0f,
		.top_n_sigma = -1.0f,
		.xtc_threshold = 0.1f,
		.repeat_last_n = 64,
		.repeat_penalty = 1.0f,
		.dry_base = 1.75f,
		.dry_allowed_length = 2,
		.dry_penalty_last_n = 64,
		.mirostat_tau = 5.0f,
		.mirostat_eta = 0.1f,
	};
}

int
params_resume(const char *name, struct str word, uint8_t *ret, struct fail *f)
{
	static const char *const words[] = {
		[0] = "",
		[RESUME_EXACT] = "exact",
		[RESUME_FAST] = "fast",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_is(word, words[i])) {
			*ret = (uint8_t)i;
			return 0;
		}
	return fail_set(f, ERR_INVALID, name,
	    "%s: must be \"exact\" or \"fast\", not \"%.*s\"", name,
	    (int)word.n, word.p);
}

static const struct error_row rows[] = {
	{ ERR_INVALID, 400, "invalid_request_error", -32602 },
	{ ERR_CONTEXT, 400, "exceed_context_size_error", -32602 },
	{ ERR_TOO_BIG, 413, "invalid_request_error", -32002 },
	{ ERR_NOT_FOUND, 404, "not_found_error", -32602 },
	{ ERR_NOT_LOADED, 503, "unavailable_error", -32000 },
	{ ERR_LOAD_FAILED, 503, "unavailable_error", -32001 },
	{ ERR_FILE, 503, "unavailable_error", -32004 },
	{ ERR_BUSY, 429, "rate_limit_error", -32002 },
	{ ERR_ABORTED, 499, "aborted_error", -32003 },
	{ ERR_UNSUPPORTED, 501, "not_supported_error", -32005 },
	{ ERR_GAVE_UP, 503, "unavailable_error", -32006 },
	{ ERR_STOPPING, 503, "unavailable_error", -32002 },
	{ ERR_TIMEOUT, 504, "timeout_error", -32002 },
	{ ERR_FULL, 503, "unavailable_error", -32001 },
	{ ERR_POISON, 500, "server_error", -32006 },
	{ ERR_NOMEM, 503, "unavailable_error", -32603 },
	{ ERR_INTERNAL, 500, "server_error", -32603 },
};

const struct error_row *
error_row(int err)
{
	size_t n = sizeof(rows) / sizeof(rows[0]);

	for (size_t i = 0; i < n; i++)
		if (rows[i].err == err)
			return &rows[i];
	return &rows[n - 1];
}
