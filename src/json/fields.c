/*
 * kinds[] holds for each kind the range of its C type, how it is read and
 * what it is called. A reader returns false when the value is of another type
 * or out of range; the error is then made from the same row, in one place.
 */
#include "json/fields.h"

#include "json/float.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define NAME_SIZE 128u
#define WANT_SIZE 256u

struct range {
	double min, max;
};

typedef bool (*read_fn)(const struct json_value *v,
    const struct json_field *field, struct range r, void *at);

struct kind {
	read_fn read;
	struct range range; /* of the C type */
	const char *noun;   /* bounds follow */
	const char *any;    /* where the C type is the only bound */
	const char *unit;   /* what the bounds count; NULL: the number */
};

static bool
is_in(struct range r, double v)
{
	return v >= r.min && v <= r.max;
}

static bool
read_bool(const struct json_value *v, const struct json_field *field,
    struct range r, void *at)
{
	int64_t number;
	bool yes;

	if ((field->flags & JSON_01) && json_i64(v, &number) &&
	    is_in(r, (double)number))
		yes = number != 0;
	else if (!json_bool(v, &yes))
		return false;
	*(uint8_t *)at = yes;
	return true;
}

/* A whole number as the bits of its two's complement. */
static bool
take_whole(const struct json_value *v, const struct json_field *field,
    struct range r, uint64_t *ret)
{
	int64_t number;
	bool yes;

	if ((field->flags & JSON_01) && json_bool(v, &yes)) {
		*ret = yes;
		return is_in(r, (double)yes);
	}
	if (json_i64(v, &number)) {
		*ret = (uint64_t)number;
		return is_in(r, (double)number);
	}
	return json_u64(v, ret) && is_in(r, (double)*ret);
}

#define READ_WHOLE(name, type)                                        \
	static bool read_##name(const struct json_value *v,           \
	    const struct json_field *field, struct range r, void *at) \
	{                                                             \
		uint64_t bits;                                        \
		if (!take_whole(v, field, r, &bits))                  \
			return false;                                 \
		*(type *)at = (type)bits;                             \
		return true;                                          \
	}

READ_WHOLE(u8, uint8_t)
READ_WHOLE(i32, int32_t)
READ_WHOLE(u32, uint32_t)
READ_WHOLE(u64, uint64_t)

/* Its bits go past INT64_MAX only for a number that its range refuses, but
 * for 2^63, which as a double is not past it. */
static bool
read_i64(const struct json_value *v, const struct json_field *field,
    struct range r, void *at)
{
	uint64_t bits;
	uint64_t past;

	if (!take_whole(v, field, r, &bits))
		return false;
	if (bits > INT64_MAX && json_u64(v, &past))
		return false;
	*(int64_t *)at = (int64_t)bits;
	return true;
}

static bool
read_f64(const struct json_value *v, const struct json_field *field,
    struct range r, void *at)
{
	double number;

	(void)field;
	if (!json_f64(v, &number) || !is_in(r, number))
		return false;
	*(double *)at = number;
	return true;
}

static bool
read_f32(const struct json_value *v, const struct json_field *field,
    struct range r, void *at)
{
	double number;

	if (!read_f64(v, field, r, &number))
		return false;
	*(float *)at = (float)number;
	return true;
}

static bool
read_str(const struct json_value *v, const struct json_field *field,
    struct range r, void *at)
{
	struct str s;

	(void)field;
	if (!json_str(v, &s) || !is_in(r, (double)s.n))
		return false;
	*(struct str *)at = s;
	return true;
}

static bool
read_word(const struct json_value *v, const struct json_field *field,
    struct range r, void *at)
{
	struct str s;

	(void)r;
	if (!json_str(v, &s))
		return false;
	for (uint8_t i = 0; field->words[i] != NULL; i++)
		if (str_is(s, field->words[i])) {
			*(uint8_t *)at = i;
			return true;
		}
	return false;
}

static bool
read_container(const struct json_value *v, const struct json_field *field,
    struct range r, void *at)
{
	enum json_type want =
	    field->kind == JSON_TO_ARRAY ? JSON_ARRAY : JSON_OBJECT;

	if (json_type(v) != want || !is_in(r, (double)json_count(v)))
		return false;
	*(const struct json_value **)at = v;
	return true;
}

static bool
read_any(const struct json_value *v, const struct json_field *field,
    struct range r, void *at)
{
	(void)field;
	(void)r;
	*(const struct json_value **)at = v;
	return true;
}

#define WHOLE "a whole number"

static const struct kind kinds[] = {
	[JSON_TO_BOOL] = { read_bool, { 0, 1 }, NULL, "true or false", NULL },
	[JSON_TO_U8] = { read_u8, { 0, UINT8_MAX }, WHOLE,
	    WHOLE " from 0 to 255", NULL },
	[JSON_TO_I32] = { read_i32, { INT32_MIN, INT32_MAX }, WHOLE,
	    WHOLE " from -2147483648 to 2147483647", NULL },
	[JSON_TO_U32] = { read_u32, { 0, UINT32_MAX }, WHOLE,
	    WHOLE " from 0 to 4294967295", NULL },
	[JSON_TO_I64] = { read_i64, { (double)INT64_MIN, (double)INT64_MAX },
	    WHOLE, WHOLE " from -2^63 to 2^63-1", NULL },
	[JSON_TO_U64] = { read_u64, { 0, (double)UINT64_MAX }, WHOLE,
	    WHOLE " from 0 to 2^64-1", NULL },
	[JSON_TO_F32] = { read_f32, { -FLT_MAX, FLT_MAX }, "a number",
	    "a number that float32 can hold", NULL },
	[JSON_TO_F64] = { read_f64, { -DBL_MAX, DBL_MAX }, "a number",
	    "a number", NULL },
	[JSON_TO_STR] = { read_str, { 0, DBL_MAX }, "a string", "a string",
	    "bytes" },
	[JSON_TO_WORD] = { read_word, { 0, 0 }, NULL, "one of", NULL },
	[JSON_TO_ARRAY] = { read_container, { 0, DBL_MAX }, "an array",
	    "an array", "elements" },
	[JSON_TO_OBJECT] = { read_container, { 0, DBL_MAX }, "an object",
	    "an object", "members" },
	[JSON_TO_ANY] = { read_any, { 0, 0 }, NULL, "any value", NULL },
};

static struct range
range_of(const struct json_field *field)
{
	struct range r = kinds[field->kind].range;

	if (field->min == 0 && field->max == 0)
		return r;
	r.min = fmax(r.min, field->min);
	r.max = fmin(r.max, field->max);
	return r;
}

/* A bound without the ".0" of a whole number; as large as the C type's own
 * limit it is none. */
static const char *
bound_text(double v, char out[JSON_FLOAT_SIZE + 1])
{
	size_t n = json_f64_text(v, out);

	if (n > 2 && memcmp(out + n - 2, ".0", 2) == 0)
		n -= 2;
	out[n] = '\0';
	return out;
}

/* "one of "low", "high"", as many as fit. */
static void
want_words(const struct json_field *field, char *out)
{
	int n = snprintf(out, WANT_SIZE, "one of ");

	for (size_t i = 0; field->words[i] != NULL; i++) {
		if (n >= (int)WANT_SIZE)
			return;
		n += snprintf(out + n, WANT_SIZE - (size_t)n, "%s\"%s\"",
		    i > 0 ? ", " : "", field->words[i]);
	}
}

/* What the field may be: "a whole number from 1 to 4096". */
static void
want(const struct json_field *field, char out[WANT_SIZE])
{
	const struct kind *k = &kinds[field->kind];
	struct range r = range_of(field);
	bool below = r.max < k->range.max;
	char low[JSON_FLOAT_SIZE + 1], high[JSON_FLOAT_SIZE + 1];
	const char *unit = k->unit == NULL ? "" : k->unit;
	const char *gap = k->unit == NULL ? "" : " ";

	(void)bound_text(r.min, low);
	(void)bound_text(r.max, high);
	if (field->kind == JSON_TO_WORD)
		want_words(field, out);
	else if (k->noun == NULL || (field->min == 0 && field->max == 0))
		(void)snprintf(out, WANT_SIZE, "%s", k->any);
	else if (!below && k->range.max >= (double)INT64_MAX)
		(void)snprintf(out, WANT_SIZE, "%s of at least %s%s%s", k->noun,
		    low, gap, unit);
	else if (k->unit == NULL)
		(void)snprintf(
		    out, WANT_SIZE, "%s from %s to %s", k->noun, low, high);
	else if (r.min == 0)
		(void)snprintf(
		    out, WANT_SIZE, "%s of at most %s %s", k->noun, high, unit);
	else
		(void)snprintf(out, WANT_SIZE, "%s of %s to %s %s", k->noun,
		    low, high, unit);
}

static const char *
prefix_of(const struct json_how *how)
{
	return how == NULL || how->prefix == NULL ? "" : how->prefix;
}

static int
fail_value(const struct json_value *v, const struct json_field *field,
    const char *name, struct fail *f)
{
	char wanted[WANT_SIZE];
	char shown[JSON_SHOW_SIZE];
	struct str s;

	want(field, wanted);
	if (field->kind == JSON_TO_STR && json_str(v, &s))
		return fail_set(f, ERR_INVALID, name,
		    "%s: must be %s, not %zu bytes", name, wanted, s.n);
	return fail_set(f, ERR_INVALID, name, "%s: must be %s, not %s", name,
	    wanted, json_show(v, shown));
}

int
json_read_field(const struct json_value *v, const struct json_field *field,
    const struct json_how *how, void *st, struct fail *f)
{
	enum json_type type = json_type(v);
	char name[NAME_SIZE];

	if (type == JSON_ABSENT && !(field->flags & JSON_REQUIRED))
		return 0;
	if (type == JSON_NULL && (field->flags & JSON_NULLABLE))
		return 0;
	if (type != JSON_ABSENT &&
	    kinds[field->kind].read(
		v, field, range_of(field), (char *)st + field->off))
		return 0;
	(void)snprintf(name, sizeof(name), "%s%s", prefix_of(how), field->name);
	if (type == JSON_ABSENT)
		return fail_set(f, ERR_INVALID, name, "%s: is required", name);
	return fail_value(v, field, name, f);
}

/* Members mostly come in the order of the table, so the search goes on where
 * the last one ended. */
static const struct json_field *
find(const struct json_field *fields, size_t n, struct str name, size_t *at)
{
	for (size_t i = 0; i < n; i++) {
		const struct json_field *field = &fields[(*at + i) % n];

		if (str_is(name, field->name)) {
			*at = (*at + i + 1) % n;
			return field;
		}
	}
	return NULL;
}

static void
tell_unknown(const struct json_how *how, struct str key)
{
	char name[NAME_SIZE];

	if (how == NULL || how->on_unknown == NULL)
		return;
	(void)snprintf(name, sizeof(name), "%s%.*s", prefix_of(how),
	    key.n < NAME_SIZE ? (int)key.n : (int)NAME_SIZE, key.p);
	how->on_unknown(how->arg, name);
}

static int
check_required(const struct json_value *obj, const struct json_field *fields,
    size_t n, const struct json_how *how, struct fail *f)
{
	int err = 0;

	for (size_t i = 0; i < n && err == 0; i++)
		if ((fields[i].flags & JSON_REQUIRED) &&
		    json_get(obj, fields[i].name) == NULL)
			err = json_read_field(NULL, &fields[i], how, NULL, f);
	return err;
}

static int
fail_object(
    const struct json_value *v, const struct json_how *how, struct fail *f)
{
	const char *prefix = prefix_of(how);
	size_t n = strlen(prefix);
	char name[NAME_SIZE];
	char shown[JSON_SHOW_SIZE];

	if (n > 0 && prefix[n - 1] == '.')
		n--;
	(void)snprintf(name, sizeof(name), "%.*s", (int)n, prefix);
	return fail_set(f, ERR_INVALID, name, "%s%smust be an object, not %s",
	    name, n > 0 ? ": " : "", json_show(v, shown));
}

int
json_read_fields(const struct json_value *obj, const struct json_field *fields,
    size_t n, const struct json_how *how, void *st, struct fail *f)
{
	struct json_iter it = json_iter(obj);
	const struct json_value *v;
	struct str key;
	size_t at = 0;
	int err = 0;

	if (json_type(obj) != JSON_OBJECT)
		return fail_object(obj, how, f);
	while (err == 0 && json_next(&it, &key, &v)) {
		const struct json_field *field = find(fields, n, key, &at);

		if (field == NULL)
			tell_unknown(how, key);
		else
			err = json_read_field(v, field, how, st, f);
	}
	return err != 0 ? err : check_required(obj, fields, n, how, f);
}
