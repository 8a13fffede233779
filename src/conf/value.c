#include "conf/value.h"

#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct suffix {
	const char *name;
	double factor;
};

static const struct suffix byte_suffixes[] = {
	{ "G", 1024.0 * 1024 * 1024 },
	{ "M", 1024.0 * 1024 },
	{ "K", 1024.0 },
	{ "", 1 },
	{ NULL, 0 },
};

/* Milliseconds. A bare number is seconds, as in llama-server. */
static const struct suffix time_suffixes[] = {
	{ "h", 3600e3 },
	{ "m", 60e3 },
	{ "s", 1e3 },
	{ "", 1e3 },
	{ "ms", 1 },
	{ NULL, 0 },
};

static const struct suffix no_suffixes[] = { { "", 1 }, { NULL, 0 } };

static const struct suffix level_names[] = {
	{ "debug", LOG_DEBUG },
	{ "info", LOG_INFO },
	{ "warn", LOG_WARN },
	{ "error", LOG_ERROR },
	{ "0", LOG_DEBUG },
	{ "1", LOG_INFO },
	{ "2", LOG_WARN },
	{ "3", LOG_ERROR },
	{ NULL, 0 },
};

/* The values are those of enum jail_mode. */
static const struct suffix jail_names[] = {
	{ "off", 0 },
	{ "auto", 1 },
	{ "require", 2 },
	{ NULL, 0 },
};

/* The values are those of enum resume_mode. */
static const struct suffix resume_names[] = {
	{ "exact", 1 },
	{ "fast", 2 },
	{ NULL, 0 },
};

/* The values are those of enum pooling. */
static const struct suffix pooling_names[] = {
	{ "auto", 0 },
	{ "none", 1 },
	{ "mean", 2 },
	{ "cls", 3 },
	{ "last", 4 },
	{ "rank", 5 },
	{ NULL, 0 },
};

static const struct suffix format_names[] = {
	{ "text", 0 },
	{ "json", 1 },
	{ NULL, 0 },
};

static const struct suffix flag_names[] = {
	{ "on", 1 },
	{ "off", 0 },
	{ "true", 1 },
	{ "false", 0 },
	{ "yes", 1 },
	{ "no", 0 },
	{ "1", 1 },
	{ "0", 0 },
	{ "enabled", 1 },
	{ "disabled", 0 },
	{ NULL, 0 },
};

/* What a kind must be, for messages. */
#define KIND_WHAT(kind, type, what) [SETTING_##kind] = what,
static const char *const kind_what[SETTING_NKINDS] = { SETTING_KINDS(
    KIND_WHAT) };
#undef KIND_WHAT

static int
read_word(const struct suffix *names, const char *text, double *ret)
{
	for (; names->name != NULL; names++) {
		if (strcmp(names->name, text) != 0)
			continue;
		*ret = names->factor;
		return 0;
	}
	return ERR_INVALID;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A number that starts with a digit, followed by one of the suffixes. */
static int
read_scaled(const struct suffix *suffixes, const char *text, double *ret)
{
	size_t digits = strspn(text, "0123456789.");
	double factor;
	double v;
	char *end;

	if (!is_digit(text[0]) || digits > 15)
		return ERR_INVALID;
	v = strtod(text, &end);
	if (end != text + digits || read_word(suffixes, end, &factor) != 0)
		return ERR_INVALID;
	v *= factor;
	if (v != floor(v))
		return ERR_INVALID;
	*ret = v;
	return 0;
}

static int
read_mode(const char *text, double *ret)
{
	size_t n = strlen(text);

	if (n < 1 || n > 5 || strspn(text, "01234567") != n)
		return ERR_INVALID;
	*ret = (double)strtoul(text, NULL, 8);
	return 0;
}

static int
read_real(const char *text, double *ret)
{
	char *end;

	/* No white space, no "nan", no hexadecimal. */
	if (text[0] == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0')
		return ERR_INVALID;
	errno = 0;
	*ret = strtod(text, &end);
	return errno == 0 && *end == '\0' ? 0 : ERR_INVALID;
}

static int
read_number(enum setting_kind kind, const char *text, double *ret)
{
	switch (kind) {
	case SETTING_FLAG:
		return read_word(flag_names, text, ret);
	case SETTING_LEVEL:
		return read_word(level_names, text, ret);
	case SETTING_JAIL:
		return read_word(jail_names, text, ret);
	case SETTING_RESUME:
		return read_word(resume_names, text, ret);
	case SETTING_POOLING:
		return read_word(pooling_names, text, ret);
	case SETTING_FORMAT:
		return read_word(format_names, text, ret);
	case SETTING_BYTES:
		return read_scaled(byte_suffixes, text, ret);
	case SETTING_TIME:
		return read_scaled(time_suffixes, text, ret);
	case SETTING_MODE:
		return read_mode(text, ret);
	case SETTING_REAL:
		return read_real(text, ret);
	default:
		return read_scaled(no_suffixes, text, ret);
	}
}

/* Words of llama-server's that stand for a number. */
static bool
read_special(enum setting_kind kind, const char *text, uint32_t *ret)
{
	bool all = strcmp(text, "all") == 0 || strcmp(text, "auto") == 0 ||
	    strcmp(text, "-1") == 0;

	if (kind == SETTING_LAYERS && all) {
		*ret = SETTING_ALL;
		return true;
	}
	if (kind == SETTING_THREADS && strcmp(text, "-1") == 0) {
		*ret = 0;
		return true;
	}
	return false;
}

static bool
is_text(const struct setting *row)
{
	return row->kind == SETTING_STR || row->kind == SETTING_STRS;
}

static bool
has_range(const struct setting *row)
{
	return !is_text(row) && row->kind != SETTING_FLAG &&
	    row->kind != SETTING_LEVEL && row->kind != SETTING_JAIL &&
	    row->kind != SETTING_RESUME && row->kind != SETTING_POOLING &&
	    row->kind != SETTING_FORMAT;
}

/* The largest unit that v is whole in. */
static void
write_scaled(const struct suffix *s, double v, char *ret, size_t n)
{
	while (s[1].name != NULL &&
	    (v == 0 || s->name[0] == '\0' || v / s->factor < 1 ||
		v / s->factor != floor(v / s->factor)))
		s++;
	(void)snprintf(ret, n, "%.0f%s", v / s->factor, s->name);
}

static void
write_number(enum setting_kind kind, double v, char *ret, size_t n)
{
	if (kind == SETTING_BYTES)
		write_scaled(byte_suffixes, v, ret, n);
	else if (kind == SETTING_TIME)
		write_scaled(time_suffixes, v, ret, n);
	else if (kind == SETTING_MODE)
		(void)snprintf(ret, n, "%04o", (unsigned)v);
	else
		(void)snprintf(ret, n, "%g", v);
	if (kind == SETTING_COUNT && v >= 1e6)
		(void)snprintf(ret, n, "%.0f", v);
}

void
value_range(const struct setting *row, char *ret, size_t n)
{
	char min[32];
	char max[32];

	ret[0] = '\0';
	if (!has_range(row))
		return;
	write_number(row->kind, row->min, min, sizeof(min));
	write_number(row->kind, row->max, max, sizeof(max));
	(void)snprintf(ret, n, "%s to %s", min, max);
}

static int
refuse(const struct setting *row, const char *where, const char *text,
    struct fail *f)
{
	char range[80];

	value_range(row, range, sizeof(range));
	return fail_set(f, ERR_INVALID, row->name,
	    "%.160s: must be %s%s%s, not \"%.120s\"", where,
	    kind_what[row->kind], range[0] != '\0' ? ", " : "", range, text);
}

static int
read_text(const struct setting *row, const char *where, const char *text,
    char **ret, struct fail *f)
{
	size_t n = strlen(text);

	if ((double)n < row->min)
		return fail_set(f, ERR_INVALID, row->name,
		    "%.160s: must not be empty", where);
	if ((double)n > row->max)
		return fail_set(f, ERR_INVALID, row->name,
		    "%.160s: must be at most %.0f bytes, not %zu", where,
		    row->max, n);
	*ret = strdup(text);
	if (*ret == NULL)
		return fail_set(f, ERR_NOMEM, row->name, "out of memory");
	return 0;
}

static int
append(struct strings *list, char *text)
{
	char **v = realloc(list->v, (list->n + 1) * sizeof(*v));

	if (v == NULL) {
		free(text);
		return ERR_NOMEM;
	}
	list->v = v;
	list->v[list->n++] = text;
	return 0;
}

static void
store(const struct setting *row, double v, void *ret)
{
	if (row->kind == SETTING_FLAG)
		*(bool *)ret = v != 0;
	else if (row->kind == SETTING_REAL)
		*(double *)ret = v;
	else
		*(uint32_t *)ret = (uint32_t)v;
}

int
value_read(const struct setting *row, const char *where, const char *text,
    void *ret, struct fail *f)
{
	char *copy = NULL;
	double v;
	int err;

	if (is_text(row)) {
		err = read_text(row, where, text, &copy, f);
		if (err != 0)
			return err;
		if (row->kind == SETTING_STRS)
			return append(ret, copy);
		*(char **)ret = copy;
		return 0;
	}
	if (read_special(row->kind, text, ret))
		return 0;
	if (read_number(row->kind, text, &v) != 0 ||
	    (has_range(row) && !(v >= row->min && v <= row->max)))
		return refuse(row, where, text, f);
	store(row, v, ret);
	return 0;
}

void
value_free(const struct setting *row, void *value)
{
	if (row->kind == SETTING_STR) {
		free(*(char **)value);
		*(char **)value = NULL;
	}
	if (row->kind == SETTING_STRS) {
		struct strings *list = value;

		for (size_t i = 0; i < list->n; i++)
			free(list->v[i]);
		free(list->v);
		*list = (struct strings){ NULL, 0 };
	}
}

static size_t
size_of(const struct setting *row)
{
	if (row->kind == SETTING_FLAG)
		return sizeof(bool);
	if (row->kind == SETTING_STR)
		return sizeof(char *);
	if (row->kind == SETTING_STRS)
		return sizeof(struct strings);
	return row->kind == SETTING_REAL ? sizeof(double) : sizeof(uint32_t);
}

void
value_swap(const struct setting *row, void *a, void *b)
{
	uint8_t was[sizeof(struct strings)];

	memcpy(was, a, size_of(row));
	memcpy(a, b, size_of(row));
	memcpy(b, was, size_of(row));
}

static int
copy_list(const struct strings *list, struct strings *ret)
{
	for (size_t i = 0; i < list->n; i++) {
		char *copy = strdup(list->v[i]);
		int err = copy == NULL ? ERR_NOMEM : append(ret, copy);

		if (err != 0)
			return err;
	}
	return 0;
}

int
value_copy(const struct setting *row, const void *value, void *ret)
{
	const char *text;

	if (row->kind == SETTING_STRS)
		return copy_list(value, ret);
	if (row->kind != SETTING_STR) {
		memcpy(ret, value, size_of(row));
		return 0;
	}
	text = *(char *const *)value;
	*(char **)ret = text != NULL ? strdup(text) : NULL;
	return text != NULL && *(char **)ret == NULL ? ERR_NOMEM : 0;
}

static bool
is_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool
value_is_same(const struct setting *row, const void *a, const void *b)
{
	const struct strings *x = a, *y = b;

	if (row->kind == SETTING_STR)
		return is_same_text(*(char *const *)a, *(char *const *)b);
	if (row->kind != SETTING_STRS)
		return memcmp(a, b, size_of(row)) == 0;
	for (size_t i = 0; i < x->n && x->n == y->n; i++)
		if (strcmp(x->v[i], y->v[i]) != 0)
			return false;
	return x->n == y->n;
}
