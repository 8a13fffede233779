#include "json/raw.h"

#include <string.h>

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Past whitespace and one kind of punctuation. */
static void
skip(struct raw *r, char also)
{
	while (r->p < r->end && (is_space(*r->p) || *r->p == also))
		r->p++;
}

/* From an opening quote to behind the closing one. */
static void
skip_string(struct raw *r)
{
	for (r->p++; r->p < r->end && *r->p != '"'; r->p++)
		if (*r->p == '\\')
			r->p++;
	r->p++;
}

static void
skip_container(struct raw *r)
{
	size_t depth = 0;

	while (r->p < r->end) {
		char c = *r->p;

		if (c == '"') {
			skip_string(r);
			continue;
		}
		r->p++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			return;
	}
}

static void
skip_scalar(struct raw *r)
{
	while (r->p < r->end && !is_space(*r->p) &&
	    memchr(",]}", *r->p, 3) == NULL)
		r->p++;
}

struct raw
raw_walk(struct str text)
{
	struct raw r = { .p = text.p, .end = text.p + text.n };

	skip(&r, ' ');
	if (r.p < r.end)
		r.has_keys = *r.p++ == '{';
	return r;
}

bool
raw_next(struct raw *r, struct str *ret)
{
	skip(r, ',');
	if (r->p >= r->end || *r->p == ']' || *r->p == '}')
		return false;
	if (r->has_keys) {
		skip_string(r);
		skip(r, ':');
	}
	ret->p = r->p;
	if (*r->p == '"')
		skip_string(r);
	else if (*r->p == '{' || *r->p == '[')
		skip_container(r);
	else
		skip_scalar(r);
	ret->n = (size_t)(r->p - ret->p);
	return true;
}
