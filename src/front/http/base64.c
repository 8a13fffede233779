#include "front/http/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
			     "wxyz0123456789+/";

/* Up to three bytes. */
static void
put_group(struct buf *out, const uint8_t *p, size_t n)
{
	uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) |
	    (n > 2 ? p[2] : 0);
	char four[4] = { digits[v >> 18], digits[v >> 12 & 63],
		n > 1 ? digits[v >> 6 & 63] : '=',
		n > 2 ? digits[v & 63] : '=' };

	buf_put(out, four, sizeof(four));
}

void
base64_put(struct buf *out, const void *p, size_t n)
{
	const uint8_t *bytes = p;

	for (size_t at = 0; at < n; at += 3)
		put_group(out, bytes + at, n - at < 3 ? n - at : 3);
}
