#include "json/value.h"

#include <stdlib.h>
#include <string.h>

#define TWO_63 9223372036854775808.0
#define TWO_64 18446744073709551616.0

const struct json_value *
json_root(const struct json_doc *d)
{
	return json_of_yy(yyjson_doc_get_root(d->y));
}

enum json_type
json_type(const struct json_value *v)
{
	static const uint8_t types[] = {
		[YYJSON_TYPE_NONE] = JSON_ABSENT,
		[YYJSON_TYPE_RAW] = JSON_NUMBER, /* a whole one past 64 bits */
		[YYJSON_TYPE_NULL] = JSON_NULL,
		[YYJSON_TYPE_BOOL] = JSON_BOOL,
		[YYJSON_TYPE_NUM] = JSON_NUMBER,
		[YYJSON_TYPE_STR] = JSON_STRING,
		[YYJSON_TYPE_ARR] = JSON_ARRAY,
		[YYJSON_TYPE_OBJ] = JSON_OBJECT,
	};

	return (enum json_type)types[yyjson_get_type(json_yy(v))];
}

const char *
json_type_name(enum json_type t)
{
	static const char *const names[] = {
		[JSON_ABSENT] = "absent",
		[JSON_NULL] = "null",
		[JSON_BOOL] = "boolean",
		[JSON_NUMBER] = "number",
		[JSON_STRING] = "string",
		[JSON_ARRAY] = "array",
		[JSON_OBJECT] = "object",
	};

	return t <= JSON_OBJECT ? names[t] : "?";
}

const struct json_value *
json_get(const struct json_value *obj, const char *key)
{
	return json_of_yy(yyjson_obj_get(json_yy(obj), key));
}

size_t
json_count(const struct json_value *v)
{
	yyjson_val *y = json_yy(v);

	return yyjson_is_ctn(y) ? unsafe_yyjson_get_len(y) : 0;
}

bool
json_bool(const struct json_value *v, bool *ret)
{
	if (!yyjson_is_bool(json_yy(v)))
		return false;
	*ret = yyjson_get_bool(json_yy(v));
	return true;
}

/* Whether d is whole and at least low and less than high, which are within
 * what a cast to the integer takes. */
static bool
whole_from_to(double d, double low, double high)
{
	if (!(d >= low && d < high))
		return false;
	return d < 0 ? d == (double)(int64_t)d : d == (double)(uint64_t)d;
}

bool
json_i64(const struct json_value *v, int64_t *ret)
{
	yyjson_val *y = json_yy(v);

	if (yyjson_is_sint(y) ||
	    (yyjson_is_uint(y) && yyjson_get_uint(y) <= INT64_MAX)) {
		*ret = yyjson_get_sint(y);
		return true;
	}
	if (yyjson_is_real(y) &&
	    whole_from_to(yyjson_get_real(y), -TWO_63, TWO_63)) {
		*ret = (int64_t)yyjson_get_real(y);
		return true;
	}
	return false;
}

bool
json_u64(const struct json_value *v, uint64_t *ret)
{
	yyjson_val *y = json_yy(v);

	if (yyjson_is_uint(y) ||
	    (yyjson_is_sint(y) && yyjson_get_sint(y) >= 0)) {
		*ret = yyjson_get_uint(y);
		return true;
	}
	if (yyjson_is_real(y) && whole_from_to(yyjson_get_real(y), 0, TWO_64)) {
		*ret = (uint64_t)yyjson_get_real(y);
		return true;
	}
	return false;
}

bool
json_f64(const struct json_value *v, double *ret)
{
	yyjson_val *y = json_yy(v);

	if (yyjson_is_raw(y)) {
		*ret = strtod(yyjson_get_raw(y), NULL);
		return true;
	}
	if (!yyjson_is_num(y))
		return false;
	*ret = yyjson_get_num(y);
	return true;
}

bool
json_str(const struct json_value *v, struct str *ret)
{
	yyjson_val *y = json_yy(v);

	if (!yyjson_is_str(y))
		return false;
	*ret = (struct str){ yyjson_get_str(y), yyjson_get_len(y) };
	return true;
}

struct json_iter
json_iter(const struct json_value *v)
{
	yyjson_val *y = json_yy(v);

	if (!yyjson_is_ctn(y))
		return (struct json_iter){ .left = 0 };
	return (struct json_iter){
		.next = json_of_yy(unsafe_yyjson_get_first(y)),
		.left = unsafe_yyjson_get_len(y),
		.keys = yyjson_is_obj(y),
	};
}

bool
json_next(
    struct json_iter *it, struct str *ret_key, const struct json_value **ret)
{
	yyjson_val *y = json_yy(it->next);
	struct str key = STR("");

	if (it->left == 0)
		return false;
	if (it->keys) {
		(void)json_str(json_of_yy(y), &key);
		y++;
	}
	if (ret_key != NULL)
		*ret_key = key;
	*ret = json_of_yy(y);
	it->next = json_of_yy(unsafe_yyjson_get_next(y));
	it->left--;
	return true;
}
