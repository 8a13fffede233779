/*
 * plain - how far a string goes on without a byte that needs a look.
 */
#ifndef JSON_PLAIN_H
#define JSON_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSON_EACH8(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Not 0 when one of 8 bytes is a control, a quote or a backslash ("Bit
 * Twiddling Hacks": hasless, haszero). */
static inline uint64_t
json_odd8(uint64_t w)
{
	uint64_t quote = w ^ JSON_EACH8('"');
	uint64_t slash = w ^ JSON_EACH8('\\');

	return (((w - JSON_EACH8(0x20)) & ~w) |
		   ((quote - JSON_EACH8(1)) & ~quote) |
		   ((slash - JSON_EACH8(1)) & ~slash)) &
	    JSON_EACH8(0x80);
}

/* Bytes before the first control, quote or backslash; or, with ascii, before
 * the first byte past 0x7f if that is sooner. */
static inline size_t
json_plain_run(const char *p, size_t n, bool ascii)
{
	uint64_t high = ascii ? JSON_EACH8(0x80) : 0;
	size_t i = 0;

	for (; n - i >= 8; i += 8) {
		uint64_t w;

		memcpy(&w, p + i, 8);
		if (json_odd8(w) != 0 || (w & high) != 0)
			break;
	}
	for (; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c < 0x20 || c == '"' || c == '\\' || (ascii && c > 0x7f))
			break;
	}
	return i;
}

#endif
