#include "front/http/promptin.h"

#include "wire/i32s.h"

#define MAX (64u << 20)

void
promptin_init(struct promptin *p)
{
	buf_init(&p->ids, MAX);
	buf_init(&p->parts, MAX);
}

void
promptin_done(struct promptin *p)
{
	buf_done(&p->ids);
	buf_done(&p->parts);
}

/* As llama-server tells them apart: an array with a number in it is one. */
bool
promptin_are_many(const struct json_value *v)
{
	struct json_iter it = json_iter(v);
	const struct json_value *one;

	if (json_type(v) != JSON_ARRAY)
		return false;
	while (json_next(&it, NULL, &one))
		if (json_type(one) == JSON_NUMBER)
			return false;
	return true;
}

static int
bad_id(const char *field, const struct json_value *v, struct fail *why)
{
	char shown[JSON_SHOW_SIZE];

	return fail_set(why, ERR_INVALID, field,
	    "%s: a token id must be a whole number from 0 to 2147483647, not "
	    "%s",
	    field, json_show(v, shown));
}

static bool
read_id(const struct json_value *v, int32_t *ret)
{
	int64_t id;

	if (!json_i64(v, &id) || id < 0 || id > INT32_MAX)
		return false;
	*ret = (int32_t)id;
	return true;
}

static void
put_part(struct buf *b, char mark, struct str s)
{
	uint32_t n = (uint32_t)s.n + 1;

	/* As strs_put() does, with the mark in front. */
	buf_put_u32(b, n);
	buf_put_u8(b, (uint8_t)mark);
	buf_put_str(b, s);
}

/* The ids that have gathered become a part. */
static void
end_ids(struct promptin *p)
{
	if (buf_len(&p->ids) > 0)
		put_part(&p->parts, PART_IDS, buf_str(&p->ids));
	buf_reset(&p->ids);
}

static int
read_array(struct promptin *p, const struct json_value *v, const char *field,
    struct gen_submit *g, struct fail *why)
{
	struct json_iter it = json_iter(v);
	const struct json_value *one;
	bool is_mixed = false;
	struct str text;
	int32_t id;

	while (json_next(&it, NULL, &one)) {
		if (json_str(one, &text)) {
			is_mixed = true;
			end_ids(p);
			put_part(&p->parts, PART_TEXT, text);
		} else if (read_id(one, &id)) {
			buf_put_i32(&p->ids, id);
		} else {
			return bad_id(field, one, why);
		}
	}
	if (is_mixed)
		end_ids(p);
	g->input = is_mixed ? INPUT_MIXED : INPUT_TOKENS;
	g->parts = (struct strs){ buf_str(&p->parts) };
	g->tokens = i32s_in(&p->ids);
	if (buf_err(&p->ids) == 0 && buf_err(&p->parts) == 0)
		return 0;
	return fail_set(why, ERR_NOMEM, NULL, "out of memory");
}

static int
read_plain(struct promptin *p, const struct json_value *v, const char *field,
    struct gen_submit *g, struct fail *why)
{
	char shown[JSON_SHOW_SIZE];

	if (json_str(v, &g->prompt)) {
		g->input = INPUT_PROMPT;
		return 0;
	}
	if (json_type(v) == JSON_ARRAY)
		return read_array(p, v, field, g, why);
	return fail_set(why, ERR_INVALID, field,
	    "%s: must be a string, an array of token ids, or one of strings "
	    "and ids, not %s",
	    field, json_show(v, shown));
}

int
promptin_read(struct promptin *p, const struct json_value *v, const char *field,
    struct gen_submit *g, struct fail *why)
{
	const struct json_value *inner;

	buf_reset(&p->ids);
	buf_reset(&p->parts);
	g->tokens = (struct i32s){ 0 };
	g->parts = (struct strs){ STR("") };
	g->prompt = STR("");
	if (json_type(v) != JSON_OBJECT)
		return read_plain(p, v, field, g, why);
	inner = json_get(v, "multimodal_data");
	if (json_count(inner) > 0)
		return fail_set(why, ERR_UNSUPPORTED, field,
		    "%s.multimodal_data: images and sound are not supported",
		    field);
	inner = json_get(v, "prompt_string");
	if (inner == NULL)
		return fail_set(why, ERR_INVALID, field,
		    "%s.prompt_string: is required", field);
	return read_plain(p, inner, field, g, why);
}
