#include "base/utf8.h"

struct lead {
	unsigned char first, last; /* the lead bytes of this row */
	unsigned char low, high;   /* what the second byte may be */
	signed char len;
};

/* Table 3-7 of the Unicode standard, "Well-Formed UTF-8 Byte Sequences". */
static const struct lead leads[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

static const struct lead *
lead_of(unsigned char c)
{
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
		if (c >= leads[i].first && c <= leads[i].last)
			return &leads[i];
	return NULL;
}

int
utf8_next(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;
	const struct lead *l;

	if (p[0] < 0x80)
		return 1;
	l = lead_of(p[0]);
	if (l == NULL)
		return 0;
	if (n > 1 && (p[1] < l->low || p[1] > l->high))
		return 0;
	for (size_t i = 2; i < n && i < (size_t)l->len; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n < (size_t)l->len ? -1 : l->len;
}

bool
utf8_valid(const char *p, size_t n, size_t *ret_at)
{
	size_t at = 0;
	int len = 1;

	while (at < n && (len = utf8_next(p + at, n - at)) > 0)
		at += (size_t)len;
	if (ret_at != NULL)
		*ret_at = at;
	return at == n;
}
