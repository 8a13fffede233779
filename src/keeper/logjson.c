#include "keeper/logjson.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TAIL 8u /* kept free for what closes the object */
#define DIGITS_MAX 18u

struct out {
	char *p;
	size_t n;
	size_t room;
};

static void
put(struct out *o, const char *s)
{
	size_t n = strlen(s);

	if (o->n + n + TAIL > o->room)
		return;
	memcpy(o->p + o->n, s, n);
	o->n += n;
}

/* One character, escaped; false if there is no room. */
static bool
put_char(struct out *o, const char *s, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char c = (unsigned char)s[0];
	char esc[8] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	if (o->n + 6 + TAIL > o->room)
		return false;
	if (n == 1 && (c == '"' || c == '\\')) {
		o->p[o->n++] = '\\';
		o->p[o->n++] = (char)c;
	} else if (n == 1 && (c < 0x20 || c >= 0x7f)) {
		memcpy(o->p + o->n, esc, 6);
		o->n += 6;
	} else {
		memcpy(o->p + o->n, s, n);
		o->n += n;
	}
	return true;
}

static void
put_string(struct out *o, struct str s)
{
	size_t i = 0;

	put(o, "\"");
	while (i < s.n) {
		int len = utf8_next(s.p + i, s.n - i);
		size_t n = len > 0 ? (size_t)len : 1;

		if (!put_char(o, s.p + i, n))
			break;
		i += n;
	}
	put(o, "\"");
}

static void
put_member(struct out *o, struct str name, struct str value)
{
	bool is_number = value.n > 0 && value.n <= DIGITS_MAX &&
	    (value.n == 1 || value.p[0] != '0');

	/* A name without its value would be no JSON. */
	if (o->n + 6 * (name.n + value.n) + 2 * TAIL > o->room)
		return;
	for (size_t i = 0; i < value.n; i++)
		is_number = is_number && value.p[i] >= '0' && value.p[i] <= '9';
	if (o->n > 1)
		put(o, ",");
	put_string(o, name);
	put(o, ":");
	if (str_is(value, "-")) {
		put(o, "null");
	} else if (is_number) {
		memcpy(o->p + o->n, value.p, value.n);
		o->n += value.n;
	} else {
		put_string(o, value);
	}
}

/* What the keeper says of a line, and no child. */
static bool
is_ours(struct str name)
{
	return str_is(name, "process") || str_is(name, "pid") ||
	    str_is(name, "level");
}

/* name=value name=value */
static void
put_words(struct out *o, struct str s)
{
	while (s.n > 0) {
		const char *space = memchr(s.p, ' ', s.n);
		size_t n = space != NULL ? (size_t)(space - s.p) : s.n;
		const char *eq = memchr(s.p, '=', n);

		size_t k = eq != NULL ? (size_t)(eq - s.p) : 0;
		struct str name = { s.p, k };

		if (k > 0 && !is_ours(name))
			put_member(o, name, (struct str){ eq + 1, n - k - 1 });
		s.p += n + (space != NULL);
		s.n -= n + (space != NULL);
	}
}

static void
put_now(struct out *o)
{
	struct timespec now = { 0 };
	struct tm tm;
	char text[48], all[64];
	int n;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return;
	n = snprintf(
	    all, sizeof(all), "%s.%03ldZ", text, now.tv_nsec / 1000000);
	if (n > 0)
		put_member(o, STR("time"), (struct str){ all, (size_t)n });
}

/* "name[pid] level: " is cut off s; false: it does not begin so. */
static bool
take_head(struct str *s, struct str ret[3])
{
	const char *open = memchr(s->p, '[', s->n);
	const char *end = s->p + s->n;
	const char *shut, *colon;

	if (open == NULL)
		return false;
	shut = memchr(open, ']', (size_t)(end - open));
	if (shut == NULL || shut + 2 >= end || shut[1] != ' ')
		return false;
	colon = memchr(shut + 2, ':', (size_t)(end - shut) - 2);
	if (colon == NULL || colon - shut > 10 || colon + 2 > end)
		return false;
	ret[0] = (struct str){ s->p, (size_t)(open - s->p) };
	ret[1] = (struct str){ open + 1, (size_t)(shut - open) - 1 };
	ret[2] = (struct str){ shut + 2, (size_t)(colon - shut) - 2 };
	s->n -= (size_t)(colon + 2 - s->p);
	s->p = colon + 2;
	return true;
}

size_t
logjson_shape(const char *line, size_t n, char *out, size_t room)
{
	struct str s = { line, n > 0 && line[n - 1] == '\n' ? n - 1 : n };
	struct out o = { out, 0, room };
	struct str head[3] = { STR("bulkhead"), STR("0"), STR("info") };
	bool is_access;

	(void)take_head(&s, head);
	is_access = str_is(head[2], "access");
	put(&o, "{");
	if (!is_access)
		put_now(&o);
	put_member(&o, STR("process"), head[0]);
	put_member(&o, STR("pid"), head[1]);
	put_member(&o, STR("level"), head[2]);
	if (is_access) {
		put_words(&o, s);
	} else {
		put(&o, ",\"text\":");
		put_string(&o, s);
	}
	out[o.n++] = '}';
	out[o.n++] = '\n';
	return o.n;
}
