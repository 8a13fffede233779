#include "front/params.h"

#include "base/err.h"

void
params_default(struct gen_submit *p)
{
	*p = (struct gen_submit){
		.add_special = 1,
		.normalize = NORMALIZE_LENGTH,
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
