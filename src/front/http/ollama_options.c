/*
 * What Ollama's clients say of how the answer shall be: options, format,
 * think, keep_alive. What an option means to sampling is the same table as
 * for everybody else; what is told of the machine (num_gpu, num_thread, ...)
 * is the operator's business here and ignored.
 */
#include "front/http/ollama_ask.h"

#include "json/write.h"

#include <string.h>

struct limits {
	int64_t predict;
	int64_t ctx;
};

static const struct json_field limit_rows[] = {
	{ "num_predict", JSON_TO_I64, offsetof(struct limits, predict),
	    JSON_NULLABLE, -2, ASK_TOKENS_MAX, NULL },
	{ "num_ctx", JSON_TO_I64, offsetof(struct limits, ctx), JSON_NULLABLE,
	    0, ASK_TOKENS_MAX, NULL },
};

static const struct json_field raw_rows[] = {
	ASK_RAW("stop", stop),
};

static void
set_defaults(struct gen_submit *g)
{
	g->temperature = 0.8f;
	g->top_k = 40;
	g->top_p = 0.9f;
	g->min_p = 0;
	g->repeat_last_n = 64;
	g->repeat_penalty = 1.1f;
}

int
ollama_read_options(
    struct ask *q, const struct json_value *options, struct fail *why)
{
	static const struct json_how how = { .prefix = "options." };
	struct limits l = { .predict = -1 };
	int err = 0;

	set_defaults(&q->gen);
	if (options == NULL || json_type(options) == JSON_NULL)
		return 0;
	err = json_read_fields(
	    options, limit_rows, ASK_COUNT(limit_rows), &how, &l, why);
	if (err == 0)
		err = json_read_fields(
		    options, raw_rows, ASK_COUNT(raw_rows), &how, q, why);
	if (err == 0)
		err = json_read_fields(
		    options, ask_sampling.rows, ask_sampling.n, &how, q, why);
	/* 0 and less are no limit but the context's. */
	if (err == 0 && l.predict > 0)
		q->gen.max_tokens = (uint32_t)l.predict;
	return err;
}

static int
put_schema(struct ask *q, const struct json_value *schema)
{
	struct buf *b = &q->bufs[ASK_SCHEMA];

	if (schema == NULL)
		buf_puts(b, "{\"type\":\"object\"}");
	else
		json_put_value(b, schema);
	q->gen.json_schema = buf_str(b);
	return buf_err(b);
}

int
ollama_read_format(
    struct ask *q, const struct json_value *format, struct fail *why)
{
	char shown[JSON_SHOW_SIZE];
	struct str word;

	if (format == NULL || json_type(format) == JSON_NULL)
		return 0;
	if (json_type(format) == JSON_OBJECT)
		return put_schema(q, format);
	if (json_str(format, &word) && word.n == 0)
		return 0;
	if (json_str(format, &word) && str_is(word, "json"))
		return put_schema(q, NULL);
	return fail_set(why, ERR_INVALID, "format",
	    "invalid format: %s; expected \"json\" or a JSON Schema object",
	    json_show(format, shown));
}

/* How much is the template's to know, by the name that templates have for
 * it. */
static int
put_effort(struct ask *q, struct str effort)
{
	struct buf *b = &q->bufs[ASK_KWARGS];

	buf_puts(b, "{\"reasoning_effort\":");
	json_put_str(b, effort);
	buf_puts(b, "}");
	q->gen.template_kwargs = buf_str(b);
	return buf_err(b);
}

int
ollama_read_think(
    struct ask *q, const struct json_value *think, struct fail *why)
{
	static const char *const efforts[] = { "low", "medium", "high" };
	char shown[JSON_SHOW_SIZE];
	struct str word;
	bool is_on;

	if (think == NULL || json_type(think) == JSON_NULL)
		return 0;
	if (json_bool(think, &is_on)) {
		q->gen.enable_thinking = is_on;
		return 0;
	}
	for (size_t i = 0; json_str(think, &word) && i < ASK_COUNT(efforts);
	     i++)
		if (str_is(word, efforts[i]))
			return put_effort(q, word);
	return fail_set(why, ERR_INVALID, "think",
	    "invalid think value: %s; must be true, false, \"low\", "
	    "\"medium\" or \"high\"",
	    json_show(think, shown));
}

/*
 * Durations, as Go writes them
 */

/* Takes "1.5" from the front; *ret_some: whether it has a digit but 0. False:
 * there are no digits. */
static bool
take_number(struct str *s, bool *ret_some)
{
	size_t n = 0;
	bool has_point = false, has_digit = false;

	*ret_some = false;
	for (; n < s->n; n++) {
		char c = s->p[n];

		if (c == '.' && !has_point) {
			has_point = true;
			continue;
		}
		if (c < '0' || c > '9')
			break;
		has_digit = true;
		*ret_some |= c != '0';
	}
	*s = (struct str){ s->p + n, s->n - n };
	return has_digit;
}

static bool
take_unit(struct str *s)
{
	/* The longer of those that begin alike comes first. */
	static const char *const units[] = { "ns", "us", "\xc2\xb5s",
		"\xce\xbcs", "ms", "s", "m", "h" };

	for (size_t i = 0; i < ASK_COUNT(units); i++) {
		size_t n = strlen(units[i]);

		if (s->n >= n && memcmp(s->p, units[i], n) == 0) {
			*s = (struct str){ s->p + n, s->n - n };
			return true;
		}
	}
	return false;
}

static bool
read_duration(struct str s, bool *ret_is_zero)
{
	bool some;

	*ret_is_zero = true;
	if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'))
		s = (struct str){ s.p + 1, s.n - 1 };
	if (str_is(s, "0"))
		return true;
	if (s.n == 0)
		return false;
	while (s.n > 0) {
		if (!take_number(&s, &some) || !take_unit(&s))
			return false;
		*ret_is_zero &= !some;
	}
	return true;
}

int
ollama_read_keep(
    const struct json_value *keep, bool *ret_is_zero, struct fail *why)
{
	char shown[JSON_SHOW_SIZE];
	struct str text;
	double seconds;

	*ret_is_zero = false;
	if (keep == NULL || json_type(keep) == JSON_NULL)
		return 0;
	if (json_f64(keep, &seconds)) {
		*ret_is_zero = seconds == 0;
		return 0;
	}
	if (json_str(keep, &text) && read_duration(text, ret_is_zero))
		return 0;
	return fail_set(why, ERR_INVALID, "keep_alive",
	    "keep_alive: must be a number of seconds or a duration like "
	    "\"5m\", not %s",
	    json_show(keep, shown));
}
