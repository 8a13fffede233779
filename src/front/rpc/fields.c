#include "front/rpc/fields.h"

#include "json/read.h"

#include <math.h>

int
fields_read(
    const struct source *s, const struct shape *shape, void *st, struct fail *f)
{
	enum json_type t = json_type(s->own);
	char sent[JSON_SHOW_SIZE];
	int err = 0;

	if (t != JSON_OBJECT && t != JSON_NULL && t != JSON_ABSENT)
		return fail_set(f, ERR_INVALID, s->name,
		    "%s: must be an object, not %s", s->name,
		    json_show(s->own, sent));
	if (s->outer != NULL)
		err = json_read_fields(
		    s->outer, shape->fields, shape->n, &s->outer_how, st, f);
	if (err == 0 && t == JSON_OBJECT)
		err = json_read_fields(
		    s->own, shape->fields, shape->n, &s->own_how, st, f);
	return err;
}

int
fields_read_inner(const struct source *s, const struct json_value *v,
    const char *prefix, const struct shape *shape, void *st, struct fail *f)
{
	struct json_how how = { .prefix = prefix,
		.on_unknown = s->own_how.on_unknown,
		.arg = s->own_how.arg };

	if (v == NULL)
		return 0;
	return json_read_fields(v, shape->fields, shape->n, &how, st, f);
}

int
fields_put_floats(struct buf *to, const struct json_value *array,
    const char *name, struct fail *why)
{
	struct json_iter it = json_iter(array);
	const struct json_value *v;
	char sent[JSON_SHOW_SIZE];
	double d;

	for (size_t n = 0; json_next(&it, NULL, &v); n++) {
		if (!json_f64(v, &d) || !isfinite((float)d))
			return fail_set(why, ERR_INVALID, name,
			    "%s[%zu]: must be a number that a float can hold, "
			    "not %s",
			    name, n, json_show(v, sent));
		buf_put_f32(to, (float)d);
	}
	return buf_err(to);
}
