#include "worker/knobs.h"

#include "wire/part.h"

#include <float.h>
#include <math.h>

struct knob {
	const char *name;
	size_t off;
	double min; /* both are allowed values */
	double max;
};

#define KNOB(name, min, max)                                       \
	{                                                          \
#name, offsetof(struct gen_submit, name), min, max \
	}
#define FINITE(name) KNOB(name, -FLT_MAX, FLT_MAX)

/* llama-server's limits where it has one; else any number that is one. */
static const struct knob floats[] = {
	FINITE(temperature),
	FINITE(dynatemp_range),
	FINITE(dynatemp_exponent),
	FINITE(top_p),
	FINITE(min_p),
	FINITE(typical_p),
	FINITE(top_n_sigma),
	FINITE(xtc_probability),
	FINITE(xtc_threshold),
	/* Logits are multiplied and divided by it. */
	KNOB(repeat_penalty, 1e-6, 1e6),
	KNOB(frequency_penalty, -1e6, 1e6),
	KNOB(presence_penalty, -1e6, 1e6),
	KNOB(dry_multiplier, -1e6, 1e6),
	FINITE(dry_base),
	FINITE(mirostat_tau),
	FINITE(mirostat_eta),
	FINITE(mu),
};

static const struct knob bytes[] = {
	KNOB(input, INPUT_PROMPT, INPUT_END - 1),
	KNOB(mirostat, 0, 2),
	KNOB(n_top_logprobs, 0, 20),
	KNOB(tool_choice, 0, TOOLS_NCHOICES - 1),
	KNOB(parallel_calls, 0, PARALLEL_NMODES - 1),
};

/* llama.cpp makes room for that many tokens at once. */
static const struct knob ints[] = {
	KNOB(repeat_last_n, -1, 1 << 24),
	KNOB(dry_penalty_last_n, -1, 1 << 24),
	KNOB(dry_allowed_length, -1, 1 << 24),
};

static int
check(const struct knob *k, double value, struct fail *why)
{
	if (value >= k->min && value <= k->max)
		return 0;
	if (k->max >= (double)FLT_MAX)
		return fail_set(why, ERR_INVALID, k->name,
		    "%s: must be a finite number, not %g", k->name, value);
	return fail_set(why, ERR_INVALID, k->name,
	    "%s: must be a number from %g to %g, not %g", k->name, k->min,
	    k->max, value);
}

static int
check_biases(struct biases b, uint32_t n_vocab, struct fail *why)
{
	for (uint32_t i = 0; i < b.n; i++) {
		if (b.p[i].token < 0 || (uint32_t)b.p[i].token >= n_vocab)
			return fail_set(why, ERR_INVALID, "logit_bias",
			    "logit_bias[%u]: token %d is not one of the "
			    "model's %u",
			    i, b.p[i].token, n_vocab);
		/* Minus infinity bans a token; plus infinity is no number
		 * to sample with. */
		if (!(b.p[i].bias < INFINITY))
			return fail_set(why, ERR_INVALID, "logit_bias",
			    "logit_bias[%u]: bias must be a finite number or "
			    "minus infinity",
			    i);
	}
	return 0;
}

int
knobs_check_tokens(
    struct i32s tokens, uint32_t n_vocab, const char *field, struct fail *why)
{
	for (uint32_t i = 0; i < tokens.n; i++)
		if (tokens.p[i] < 0 || (uint32_t)tokens.p[i] >= n_vocab)
			return fail_set(why, ERR_INVALID, field,
			    "%s[%u]: token id %d is not below the model's %u",
			    field, i, tokens.p[i], n_vocab);
	return 0;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FIELD(g, knob, type) \
	(*(const type *)(const void *)((const char *)(g) + (knob)->off))

int
knobs_check(const struct gen_submit *g, uint32_t n_vocab, struct fail *why)
{
	int err = 0;

	for (size_t i = 0; i < COUNT(floats) && err == 0; i++)
		err =
		    check(&floats[i], (double)FIELD(g, &floats[i], float), why);
	for (size_t i = 0; i < COUNT(bytes) && err == 0; i++)
		err = check(&bytes[i], FIELD(g, &bytes[i], uint8_t), why);
	for (size_t i = 0; i < COUNT(ints) && err == 0; i++)
		err = check(&ints[i], FIELD(g, &ints[i], int32_t), why);
	return err != 0 ? err : check_biases(g->logit_bias, n_vocab, why);
}
