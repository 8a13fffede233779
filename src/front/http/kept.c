#include "front/http/kept.h"

#include <string.h>
#include <strings.h>

static const char *const names[HEADER_COUNT] = {
#define PARSE_KEPT_NAME(name, text) [HEADER_##name] = text,
	PARSE_KEPT(PARSE_KEPT_NAME)
#undef PARSE_KEPT_NAME
};

void
kept_init(struct kept *k)
{
	*k = (struct kept){ .now = NULL };
	buf_init(&k->bytes, HEADER_COUNT * PARSE_VALUE_MAX);
}

void
kept_done(struct kept *k)
{
	buf_done(&k->bytes);
}

void
kept_pass(struct kept *k)
{
	k->now = NULL;
}

void
kept_begin(struct kept *k, const char *name, size_t n)
{
	k->now = NULL;
	for (size_t i = 0; i < HEADER_COUNT; i++)
		if (strlen(names[i]) == n &&
		    strncasecmp(names[i], name, n) == 0)
			k->now = &k->spans[i];
	if (k->now != NULL && k->now->times++ == 0)
		k->now->off = (uint32_t)buf_len(&k->bytes);
}

void
kept_add(struct kept *k, const char *at, size_t n)
{
	struct kept_span *s = k->now;
	size_t left;

	/* A second one spoils the first: there is nothing to keep. */
	if (s == NULL || s->times > 1)
		return;
	left = s->len < PARSE_VALUE_MAX ? PARSE_VALUE_MAX - s->len : 0;
	buf_put(&k->bytes, at, n < left ? n : left);
	s->len += (uint32_t)n;
}

/* The bytes have their place now. */
int
kept_show(struct kept *k)
{
	const char *base = (const char *)buf_data(&k->bytes);

	for (size_t i = 0; i < HEADER_COUNT; i++) {
		const struct kept_span *s = &k->spans[i];
		bool is_good = s->times == 1 && s->len <= PARSE_VALUE_MAX;
		struct str v = { base + s->off, is_good ? s->len : 0 };

		while (v.n > 0 && strchr(" \t", v.p[v.n - 1]) != NULL)
			v.n--;
		k->values[i] = s->times > 0 ? v : (struct str){ NULL, 0 };
	}
	return buf_err(&k->bytes);
}
