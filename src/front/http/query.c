#include "front/http/query.h"

#include <string.h>

#define FLAG_MAX 16u

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "%xx" at s stands for, or -1. */
static int
escaped(struct str s)
{
	int high, low;

	if (s.n < 3 || s.p[0] != '%')
		return -1;
	high = hex_digit(s.p[1]);
	low = hex_digit(s.p[2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static void
unescape(struct str s, bool is_form, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		int byte = escaped((struct str){ s.p + i, s.n - i });
		char c = is_form && s.p[i] == '+' ? ' ' : s.p[i];

		if (byte >= 0)
			i += 2;
		buf_put_u8(out, (uint8_t)(byte >= 0 ? byte : c));
	}
}

void
query_unescape(struct str s, struct buf *out)
{
	unescape(s, false, out);
}

/* Takes what is before the next c off s, and c. */
static struct str
take(struct str *s, char c)
{
	const char *mark = s->n > 0 ? memchr(s->p, c, s->n) : NULL;
	struct str head = *s;

	if (mark == NULL) {
		*s = STR("");
		return head;
	}
	head.n = (size_t)(mark - s->p);
	*s = (struct str){ mark + 1, s->n - head.n - 1 };
	return head;
}

bool
query_get(struct str query, const char *name, struct buf *out)
{
	while (query.n > 0) {
		struct str value = take(&query, '&');

		if (!str_is(take(&value, '='), name))
			continue;
		unescape(value, true, out);
		return true;
	}
	return false;
}

static bool
is_any(struct str s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (str_is(s, *words))
			return true;
	return false;
}

bool
query_flag(struct str query, const char *name, bool otherwise)
{
	static const char *const yes[] = { "", "1", "true", "on", NULL };
	static const char *const no[] = { "0", "false", "off", NULL };
	bool is_set = otherwise;
	struct buf value;

	buf_init(&value, FLAG_MAX);
	if (query_get(query, name, &value) && buf_err(&value) == 0)
		is_set = is_any(buf_str(&value), otherwise ? no : yes)
		    ? !otherwise
		    : otherwise;
	buf_done(&value);
	return is_set;
}
