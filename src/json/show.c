/*
 * Values back to text: whole as JSON, or short for an error message.
 */
#include "json/float.h"
#include "json/value.h"
#include "json/write.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

static void
put_number(struct buf *b, yyjson_val *y)
{
	if (yyjson_is_uint(y))
		json_put_u64(b, yyjson_get_uint(y));
	else if (yyjson_is_sint(y))
		json_put_i64(b, yyjson_get_sint(y));
	else
		json_put_f64(b, yyjson_get_real(y));
}

/* As deep as the document is, which its limit bounded. */
static void
put_children(struct buf *b, const struct json_value *v)
{
	bool keys = json_type(v) == JSON_OBJECT;
	struct json_iter it = json_iter(v);
	const struct json_value *child;
	bool comma = false;
	struct str key;

	buf_put_u8(b, keys ? '{' : '[');
	while (json_next(&it, &key, &child)) {
		if (comma)
			buf_put_u8(b, ',');
		comma = true;
		if (keys) {
			json_put_str(b, key);
			buf_put_u8(b, ':');
		}
		json_put_value(b, child);
	}
	buf_put_u8(b, keys ? '}' : ']');
}

void
json_put_value(struct buf *b, const struct json_value *v)
{
	yyjson_val *y = json_yy(v);
	struct str s = STR("null");

	switch (yyjson_get_type(y)) {
	case YYJSON_TYPE_BOOL:
		json_put_bool(b, yyjson_get_bool(y));
		break;
	case YYJSON_TYPE_NUM:
		put_number(b, y);
		break;
	case YYJSON_TYPE_STR:
		(void)json_str(v, &s);
		json_put_str(b, s);
		break;
	case YYJSON_TYPE_ARR:
	case YYJSON_TYPE_OBJ:
		put_children(b, v);
		break;
	case YYJSON_TYPE_RAW:
		s = (struct str){ yyjson_get_raw(y), yyjson_get_len(y) };
		buf_put_str(b, s);
		break;
	default:
		buf_put_str(b, s);
		break;
	}
}

/* As much of s as fits with its quotes, in whole characters. */
static void
show_string(struct str s, char *out)
{
	size_t room = JSON_SHOW_SIZE - sizeof("\"...\"");
	size_t n = 0;
	int len;

	if (s.n <= room + 3)
		room = s.n;
	while (n < s.n && (len = utf8_next(s.p + n, s.n - n)) > 0 &&
	    n + (size_t)len <= room)
		n += (size_t)len;
	*out++ = '"';
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		*out++ = c < 0x20 || c == 0x7f ? '?' : s.p[i];
	}
	(void)memcpy(out, n < s.n ? "...\"" : "\"", n < s.n ? 5 : 2);
}

static void
show_number(const struct json_value *v, char *out)
{
	yyjson_val *y = json_yy(v);
	size_t n;

	if (yyjson_is_raw(y))
		(void)snprintf(out, JSON_SHOW_SIZE, "%.30s%s",
		    yyjson_get_raw(y), yyjson_get_len(y) > 30 ? "..." : "");
	else if (yyjson_is_uint(y))
		(void)snprintf(
		    out, JSON_SHOW_SIZE, "%" PRIu64, yyjson_get_uint(y));
	else if (yyjson_is_sint(y))
		(void)snprintf(
		    out, JSON_SHOW_SIZE, "%" PRId64, yyjson_get_sint(y));
	else {
		char text[JSON_FLOAT_SIZE];

		n = json_f64_text(yyjson_get_real(y), text);
		(void)snprintf(out, JSON_SHOW_SIZE, "%.*s", (int)n, text);
	}
}

const char *
json_show(const struct json_value *v, char buf[JSON_SHOW_SIZE])
{
	static const char *const texts[] = {
		[JSON_ABSENT] = "nothing",
		[JSON_NULL] = "null",
		[JSON_OBJECT] = "an object",
	};
	enum json_type t = json_type(v);
	struct str s;
	bool yes;

	if (json_str(v, &s))
		show_string(s, buf);
	else if (t == JSON_NUMBER)
		show_number(v, buf);
	else if (json_bool(v, &yes))
		(void)snprintf(buf, JSON_SHOW_SIZE, yes ? "true" : "false");
	else if (t == JSON_ARRAY)
		(void)snprintf(
		    buf, JSON_SHOW_SIZE, "an array of %zu", json_count(v));
	else
		(void)snprintf(buf, JSON_SHOW_SIZE, "%s", texts[t]);
	return buf;
}
