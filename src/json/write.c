#include "json/write.h"

#include "json/float.h"
#include "json/plain.h"

#include "base/utf8.h"

/* The letter behind the backslash; the others are \u00XX. */
static const char letters[256] = {
	['"'] = '"',
	['\\'] = '\\',
	['\b'] = 'b',
	['\f'] = 'f',
	['\n'] = 'n',
	['\r'] = 'r',
	['\t'] = 't',
};

/* Bytes at p that go out as they are. */
static size_t
clean_run(const char *p, size_t n)
{
	size_t i = 0;
	int len;

	for (;;) {
		i += json_plain_run(p + i, n - i, true);
		if (i == n || (unsigned char)p[i] < 0x80)
			return i;
		len = utf8_next(p + i, n - i);
		if (len <= 0)
			return i;
		i += (size_t)len;
	}
}

/* How many bytes at p one U+FFFD stands for: the longest proper start of a
 * character, or 1 ("U+FFFD Substitution of Maximal Subparts", Unicode 3.9). */
static size_t
broken_run(const char *p, size_t n)
{
	size_t i = 1;

	while (i < n && utf8_next(p, i + 1) == -1)
		i++;
	return i;
}

static void
put_escape(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	if (letters[c] != 0) {
		text[1] = letters[c];
		buf_put(b, text, 2);
		return;
	}
	buf_put(b, text, sizeof(text));
}

void
json_put_escaped(struct buf *b, struct str s)
{
	while (s.n > 0) {
		size_t n = clean_run(s.p, s.n);

		if (n > 0)
			buf_put(b, s.p, n);
		if (n == s.n)
			return;
		s.p += n;
		s.n -= n;
		if ((unsigned char)*s.p < 0x80) {
			put_escape(b, (unsigned char)*s.p);
			n = 1;
		} else {
			buf_put(b, "\xef\xbf\xbd", 3);
			n = broken_run(s.p, s.n);
		}
		s.p += n;
		s.n -= n;
	}
}

/* A piece of a stream is mostly short and clean: then one reservation does. */
static bool
put_clean(struct buf *b, struct str s)
{
	uint8_t *to;

	if (clean_run(s.p, s.n) != s.n)
		return false;
	to = buf_reserve(b, s.n + 2);
	if (to == NULL)
		return true;
	to[0] = '"';
	if (s.n > 0)
		memcpy(to + 1, s.p, s.n);
	to[s.n + 1] = '"';
	buf_commit(b, s.n + 2);
	return true;
}

void
json_put_str(struct buf *b, struct str s)
{
	if (put_clean(b, s))
		return;
	buf_put_u8(b, '"');
	json_put_escaped(b, s);
	buf_put_u8(b, '"');
}

void
json_put_cstr(struct buf *b, const char *s)
{
	if (s == NULL)
		buf_put(b, "null", 4);
	else
		json_put_str(b, str_of(s));
}

void
json_put_bool(struct buf *b, bool v)
{
	if (v)
		buf_put(b, "true", 4);
	else
		buf_put(b, "false", 5);
}

void
json_put_u64(struct buf *b, uint64_t v)
{
	char text[20];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	buf_put(b, text + at, sizeof(text) - at);
}

void
json_put_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_put_u8(b, '-');
	json_put_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void
json_put_f32(struct buf *b, float v)
{
	char text[JSON_FLOAT_SIZE];

	buf_put(b, text, json_f32_text(v, text));
}

void
json_put_f64(struct buf *b, double v)
{
	char text[JSON_FLOAT_SIZE];

	buf_put(b, text, json_f64_text(v, text));
}

/* Room is made once for many, which saves a third of the time. */
void
json_put_f32_list(struct buf *b, const float *v, size_t n)
{
	const size_t each = JSON_FLOAT_SIZE + 1, most = 256;
	size_t i = 0;

	while (i < n) {
		size_t end = n - i < most ? n : i + most;
		char *from = (char *)buf_reserve(b, (end - i) * each);
		char *at = from;

		if (from == NULL)
			return;
		for (; i < end; i++) {
			if (i > 0)
				*at++ = ',';
			at += json_f32_text(v[i], at);
		}
		buf_commit(b, (size_t)(at - from));
	}
}

void
json_put_f32s(struct buf *b, const float *v, size_t n)
{
	buf_put_u8(b, '[');
	json_put_f32_list(b, v, n);
	buf_put_u8(b, ']');
}

struct json_out
json_out(struct buf *b)
{
	return (struct json_out){ .b = b };
}

void
json_open(struct json_out *o, char bracket)
{
	buf_put(o->b, &bracket, 1);
	o->comma = false;
}

void
json_close(struct json_out *o, char bracket)
{
	buf_put(o->b, &bracket, 1);
	o->comma = true;
}

void
json_item(struct json_out *o)
{
	if (o->comma)
		buf_put_u8(o->b, ',');
	o->comma = true;
}

void
json_key(struct json_out *o, const char *key)
{
	if (o->comma)
		buf_put(o->b, ",\"", 2);
	else
		buf_put_u8(o->b, '"');
	o->comma = true;
	buf_puts(o->b, key);
	buf_put(o->b, "\":", 2);
}

#define KEY_VALUE(kind, type)                                             \
	void json_key_##kind(struct json_out *o, const char *key, type v) \
	{                                                                 \
		json_key(o, key);                                         \
		json_put_##kind(o->b, v);                                 \
	}

KEY_VALUE(str, struct str)
KEY_VALUE(cstr, const char *)
KEY_VALUE(bool, bool)
KEY_VALUE(i64, int64_t)
KEY_VALUE(u64, uint64_t)
KEY_VALUE(f32, float)
KEY_VALUE(f64, double)

void
json_key_null(struct json_out *o, const char *key)
{
	json_key_cstr(o, key, NULL);
}

void
json_key_text(struct json_out *o, const char *key, struct str v)
{
	if (v.n > 0)
		json_key_str(o, key, v);
	else
		json_key_null(o, key);
}

void
json_key_raw(struct json_out *o, const char *key, struct str json)
{
	json_key(o, key);
	buf_put_str(o->b, json);
}
