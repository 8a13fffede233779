#include "json/float.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yyjson.h>

/* yyjson 0.12 gave its number writer a name. Tests set JSON_FLOAT_PRINTF to
 * see that the other way is as exact. */
#if YYJSON_VERSION_HEX >= 0x000C00 && !defined(JSON_FLOAT_PRINTF)

static size_t
write_real(double v, bool single, char *out)
{
	yyjson_val y;

	memset(&y, 0, sizeof(y));
	(void)yyjson_set_real(&y, v);
	if (single)
		(void)yyjson_set_fp_to_float(&y, true);
	return (size_t)(yyjson_write_number(&y, out) - out);
}

#else

/* The first of the precisions that reads back the same: any number of 6 (15)
 * digits does, but for subnormals. ".0" where nothing shows that it is no
 * integer. */
static size_t
write_real(double v, bool single, char *out)
{
	bool normal = fabs(v) >= (single ? (double)FLT_MIN : DBL_MIN);
	int first = !normal ? 1 : single ? FLT_DIG : DBL_DIG;
	int last = single ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;
	int n = 0;

	for (int digits = first; digits <= last; digits++) {
		n = snprintf(out, JSON_FLOAT_SIZE, "%.*g", digits, v);
		if (single ? strtof(out, NULL) == (float)v
			   : strtod(out, NULL) == v)
			break;
	}
	if (strpbrk(out, ".e") == NULL) {
		(void)strcpy(out + n, ".0");
		n += 2;
	}
	return (size_t)n;
}

#endif

static size_t
write_finite(double v, bool single, char *out)
{
	if (isfinite(v))
		return write_real(v, single, out);
	(void)memcpy(out, "null", 4);
	return 4;
}

size_t
json_f32_text(float v, char out[JSON_FLOAT_SIZE])
{
	return write_finite((double)v, true, out);
}

size_t
json_f64_text(double v, char out[JSON_FLOAT_SIZE])
{
	return write_finite(v, false, out);
}
