/*
 * The prompt of a completion: "text", ["text", ...], [1, 2, ...] or
 * [[1, 2, ...], ...]; the last two are token ids. Whether an id is one of the
 * model's, the worker knows.
 */
#include "front/http/askprompt.h"
#include "front/http/askrow.h"

#include <stdlib.h>

static int
bad_prompt(const struct json_value *v, struct fail *why)
{
	char shown[JSON_SHOW_SIZE];

	return fail_set(why, ERR_INVALID, "prompt",
	    "prompt: must be a string, an array of strings, an array of token "
	    "ids or an array of such arrays, none of them empty, not %s",
	    json_show(v, shown));
}

static int
read_tokens(const struct json_value *v, uint32_t n_ctx, struct ask_prompt *p,
    struct fail *why)
{
	struct json_iter it = json_iter(v);
	const struct json_value *one;
	char shown[JSON_SHOW_SIZE];
	uint32_t n = 0;
	int64_t id;
	int32_t *ids;
	int err;

	if (json_count(v) == 0)
		return bad_prompt(v, why);
	err = msg_check_length("prompt", "", json_count(v), n_ctx, why);
	if (err != 0)
		return err;
	ids = malloc(json_count(v) * sizeof(*ids));
	if (ids == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	p->tokens.p = ids;
	while (json_next(&it, NULL, &one)) {
		if (!json_i64(one, &id) || id < 0 || id > INT32_MAX)
			return fail_set(why, ERR_INVALID, "prompt",
			    "prompt: a token id must be a whole number from "
			    "0 to 2147483647, not %s",
			    json_show(one, shown));
		ids[n++] = (int32_t)id;
	}
	p->tokens.n = n;
	return 0;
}

static int
read_prompt(struct ask *q, const struct json_value *v, uint32_t n_ctx,
    struct ask_prompt *p, struct fail *why)
{
	if (json_str(v, &p->text))
		return 0;
	if (json_type(v) != JSON_ARRAY)
		return bad_prompt(v, why);
	if (q->is_echo)
		return fail_set(why, ERR_INVALID, "echo",
		    "echo: is not supported for a prompt of token ids");
	return read_tokens(v, n_ctx, p, why);
}

static const struct json_value *
first_of(const struct json_value *v)
{
	struct json_iter it = json_iter(v);
	const struct json_value *first = NULL;

	(void)json_next(&it, NULL, &first);
	return first;
}

int
ask_read_prompts(
    struct ask *q, const struct ask_limits *limits, struct fail *why)
{
	const struct json_value *v = q->raw.prompt;
	enum json_type first = json_type(first_of(v));
	bool is_many = json_type(v) == JSON_ARRAY &&
	    (first == JSON_STRING || first == JSON_ARRAY);
	size_t n = is_many ? json_count(v) : 1;
	struct json_iter it = json_iter(v);
	int err = 0;

	if (v == NULL)
		return fail_set(
		    why, ERR_INVALID, "prompt", "prompt: is required");
	if (n > limits->gens_max)
		return fail_set(why, ERR_INVALID, "prompt",
		    "prompt: a request may have %u prompts, not %zu",
		    limits->gens_max, n);
	q->prompts = calloc(n, sizeof(*q->prompts));
	if (q->prompts == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	q->n_prompts = (uint32_t)n;
	for (uint32_t i = 0; i < n && err == 0; i++) {
		if (is_many)
			(void)json_next(&it, NULL, &v);
		err = read_prompt(q, v, limits->n_ctx, &q->prompts[i], why);
	}
	return err;
}
