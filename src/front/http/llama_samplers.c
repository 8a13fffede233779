/*
 * The samplers of a request: llama-server applies those that are named, in
 * their order. The order here is one; what is not named is switched off by its
 * parameter.
 */
#include "front/http/llama_own.h"

#include <string.h>

static void
no_penalties(struct gen_submit *g)
{
	g->repeat_penalty = 1;
	g->frequency_penalty = g->presence_penalty = 0;
}

static void
no_dry(struct gen_submit *g)
{
	g->dry_multiplier = 0;
}

static void
no_top_n_sigma(struct gen_submit *g)
{
	g->top_n_sigma = -1;
}

static void
no_top_k(struct gen_submit *g)
{
	g->top_k = 0;
}

static void
no_typical_p(struct gen_submit *g)
{
	g->typical_p = 1;
}

static void
no_top_p(struct gen_submit *g)
{
	g->top_p = 1;
}

static void
no_min_p(struct gen_submit *g)
{
	g->min_p = 0;
}

static void
no_xtc(struct gen_submit *g)
{
	g->xtc_probability = 0;
}

static void
no_temperature(struct gen_submit *g)
{
	g->temperature = 1;
	g->dynatemp_range = 0;
}

/* In the order of src/worker/sampler.c. */
static const struct sampler {
	const char *names[4];
	char letter;
	void (*off)(struct gen_submit *g);
} samplers[] = {
	{ { "penalties" }, 'e', no_penalties },
	{ { "dry" }, 'd', no_dry },
	{ { "top_n_sigma", "top-n-sigma" }, 's', no_top_n_sigma },
	{ { "top_k", "top-k" }, 'k', no_top_k },
	{ { "typ_p", "typical_p", "typ-p", "typical-p" }, 'y', no_typical_p },
	{ { "top_p", "top-p" }, 'p', no_top_p },
	{ { "min_p", "min-p" }, 'm', no_min_p },
	{ { "xtc" }, 'x', no_xtc },
	{ { "temperature", "temp" }, 't', no_temperature },
};

#define COUNT (sizeof(samplers) / sizeof(samplers[0]))

static size_t
find_name(struct str name)
{
	size_t i, k;

	for (i = 0; i < COUNT; i++)
		for (k = 0; k < 4 && samplers[i].names[k] != NULL; k++)
			if (str_is(name, samplers[i].names[k]))
				return i;
	return COUNT;
}

static size_t
find_letter(char c)
{
	size_t i = 0;

	while (i < COUNT && samplers[i].letter != c)
		i++;
	return i;
}

/* Which are named, one after the other. */
struct naming {
	bool is_on[COUNT];
	size_t least; /* the next may not be before it */
	struct fail *why;
};

static int
take(struct naming *n, size_t i, struct str shown)
{
	if (i == COUNT)
		return fail_set(n->why, ERR_INVALID, "samplers",
		    "samplers: there is no \"%.*s\"",
		    (int)(shown.n < 40 ? shown.n : 40), shown.p);
	if (i < n->least)
		return fail_set(n->why, ERR_UNSUPPORTED, "samplers",
		    "samplers: \"%.*s\" must stand in this order: penalties, "
		    "dry, top_n_sigma, top_k, typ_p, top_p, min_p, xtc, "
		    "temperature",
		    (int)shown.n, shown.p);
	n->is_on[i] = true;
	n->least = i + 1;
	return 0;
}

static int
take_letters(struct naming *n, struct str letters)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < letters.n; i++)
		err = take(n, find_letter(letters.p[i]),
		    (struct str){ letters.p + i, 1 });
	return err;
}

static int
take_names(struct naming *n, const struct json_value *v)
{
	struct json_iter it = json_iter(v);
	const struct json_value *one;
	char shown[JSON_SHOW_SIZE];
	struct str name;
	int err = 0;

	while (err == 0 && json_next(&it, NULL, &one)) {
		if (!json_str(one, &name))
			return fail_set(n->why, ERR_INVALID, "samplers",
			    "samplers: must hold names, not %s",
			    json_show(one, shown));
		err = take(n, find_name(name), name);
	}
	return err;
}

int
llama_read_samplers(struct ask *q, const struct json_value *v, struct fail *why)
{
	struct naming n = { .why = why };
	char shown[JSON_SHOW_SIZE];
	struct str letters;
	int err;

	if (v == NULL || json_type(v) == JSON_NULL)
		return 0;
	if (json_str(v, &letters))
		err = take_letters(&n, letters);
	else if (json_type(v) == JSON_ARRAY)
		err = take_names(&n, v);
	else
		err = fail_set(why, ERR_INVALID, "samplers",
		    "samplers: must be an array of names, not %s",
		    json_show(v, shown));
	for (size_t i = 0; err == 0 && i < COUNT; i++)
		if (!n.is_on[i])
			samplers[i].off(&q->gen);
	return err;
}
