#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

struct row {
	const char *name;
	const char *text;
};

#define ERR_ROW(name, number, text) [-(number)] = { #name, text },
static const struct row rows[-ERR_LAST] = { ERR_TABLE(ERR_ROW) };
#undef ERR_ROW

static const struct row *
row_of(int code)
{
	static const struct row ok = { "OK", "success" };
	static const struct row unknown = { "ERR_?", "unknown error" };

	if (code == 0)
		return &ok;
	if (code < 0 && code > ERR_LAST)
		return &rows[-code];
	return &unknown;
}

const char *
err_name(int code)
{
	return row_of(code)->name;
}

const char *
err_text(int code)
{
	return row_of(code)->text;
}

int
fail_set(struct fail *f, int code, const char *field, const char *fmt, ...)
{
	struct fail made = { .code = code };
	va_list ap;

	if (f == NULL)
		return code;
	/* Made apart, because the arguments may point into f. */
	(void)snprintf(
	    made.field, sizeof(made.field), "%s", field ? field : "");
	va_start(ap, fmt);
	(void)vsnprintf(made.text, sizeof(made.text), fmt, ap);
	va_end(ap);
	*f = made;
	return code;
}

const char *
fail_when(uint32_t retry_ms, char ret[FAIL_WHEN])
{
	uint32_t s = retry_ms / 1000 + (retry_ms % 1000 != 0);

	ret[0] = '\0';
	if (s > 0)
		(void)snprintf(ret, FAIL_WHEN, "; tried again in %u s", s);
	return ret;
}
