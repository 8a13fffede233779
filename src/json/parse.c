/*
 * yyjson reads strictly and without recursion, but it has no limit on depth,
 * takes a key twice, and may use 24 bytes of memory for 1 of text. So its
 * memory is bounded while it parses, and what it has built is walked once
 * afterwards: depth, keys, NUL, numbers past double. It parses in our copy of
 * the text, so a string's address tells where it stood.
 */
#include "json/frame.h"
#include "json/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Up to this many keys are compared each with each; more are sorted. */
#define FEW_KEYS 16u

const struct json_limits json_limits_request = {
	.bytes = (size_t)64 << 20,
	.values = 8u << 20,
	.keys = 512u << 10,
	.depth = 64,
	.nul = false,
};

struct bound {
	size_t max; /* bytes of one allocation */
	bool hit;
};

struct check {
	const struct json_limits *limits;
	const char *text; /* what the caller has sent */
	size_t n;
	const char *copy; /* yyjson's strings point into it */
	size_t keys;	  /* seen so far */
	struct fail *f;
};

static void *
bound_malloc(void *ctx, size_t size)
{
	struct bound *b = ctx;

	if (size > b->max) {
		b->hit = true;
		return NULL;
	}
	return malloc(size);
}

static void *
bound_realloc(void *ctx, void *p, size_t old_size, size_t size)
{
	struct bound *b = ctx;

	(void)old_size;
	if (size > b->max) {
		b->hit = true;
		return NULL;
	}
	return realloc(p, size);
}

/* yyjson calls this with a context that is long gone. */
static void
bound_free(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

/* yyjson asks at first for a value in 6 bytes, of which most stay untouched,
 * then for half as much again each time. */
static size_t
memory_for(size_t n, uint32_t values)
{
	size_t guess = n / 6;
	size_t grown = (size_t)values + values / 2;

	return sizeof(yyjson_val) * ((guess > grown ? guess : grown) + 64);
}

/* "at byte 17", "at byte 17 (line 2, column 5)"; at counts from 0. */
static int
fail_at(const struct check *c, int code, size_t at, const char *what)
{
	size_t line = 1, column = at + 1;

	for (size_t i = 0; i < at && i < c->n; i++)
		if (c->text[i] == '\n') {
			line++;
			column = at - i;
		}
	if (line == 1)
		return fail_set(
		    c->f, code, NULL, "at byte %zu: %s", at + 1, what);
	return fail_set(c->f, code, NULL,
	    "at byte %zu (line %zu, column %zu): %s", at + 1, line, column,
	    what);
}

/* The same for a string or raw number, with what it says. */
static int
fail_in(const struct check *c, yyjson_val *v, const char *what)
{
	const char *p = unsafe_yyjson_get_str(v);
	size_t at = (size_t)(p - c->copy);
	char shown[JSON_SHOW_SIZE];
	char text[JSON_SHOW_SIZE + 64];

	if (yyjson_is_str(v) && at > 0)
		at--; /* the quote */
	(void)snprintf(
	    text, sizeof(text), "%s%s", what, json_show(json_of_yy(v), shown));
	return fail_at(c, ERR_INVALID, at, text);
}

static int
by_length_then_bytes(const void *a, const void *b)
{
	yyjson_val *x = *(yyjson_val *const *)a, *y = *(yyjson_val *const *)b;
	size_t nx = unsafe_yyjson_get_len(x), ny = unsafe_yyjson_get_len(y);

	if (nx != ny)
		return nx < ny ? -1 : 1;
	return memcmp(unsafe_yyjson_get_str(x), unsafe_yyjson_get_str(y), nx);
}

static int
fail_twice(const struct check *c, yyjson_val *a, yyjson_val *b)
{
	bool a_first = unsafe_yyjson_get_str(a) < unsafe_yyjson_get_str(b);

	return fail_in(c, a_first ? b : a, "duplicate key ");
}

static int
check_few_keys(const struct check *c, yyjson_val *obj, size_t n)
{
	yyjson_val *keys[FEW_KEYS];
	yyjson_val *key = unsafe_yyjson_get_first(obj);

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++)
			if (by_length_then_bytes(&keys[j], &key) == 0)
				return fail_twice(c, keys[j], key);
		keys[i] = key;
		key = unsafe_yyjson_get_next(key + 1);
	}
	return 0;
}

static int
check_many_keys(const struct check *c, yyjson_val *obj, size_t n)
{
	yyjson_val **keys = calloc(n, sizeof(keys[0]));
	yyjson_val *key = unsafe_yyjson_get_first(obj);
	int err = 0;

	if (keys == NULL)
		return fail_set(c->f, ERR_NOMEM, NULL, "out of memory");
	for (size_t i = 0; i < n; i++) {
		keys[i] = key;
		key = unsafe_yyjson_get_next(key + 1);
	}
	qsort(keys, n, sizeof(keys[0]), by_length_then_bytes);
	for (size_t i = 1; i < n && err == 0; i++)
		if (by_length_then_bytes(&keys[i - 1], &keys[i]) == 0)
			err = fail_twice(c, keys[i - 1], keys[i]);
	free(keys);
	return err;
}

static int
check_keys(struct check *c, yyjson_val *obj)
{
	size_t n = unsafe_yyjson_get_len(obj);

	c->keys += n;
	if (c->limits->keys > 0 && c->keys > c->limits->keys)
		return fail_set(c->f, ERR_TOO_BIG, NULL, "more than %u keys",
		    c->limits->keys);
	return n <= FEW_KEYS ? check_few_keys(c, obj, n)
			     : check_many_keys(c, obj, n);
}

/* The place is found by counting brackets again: values do not know theirs. */
static int
fail_depth(const struct check *c)
{
	struct json_frame s;
	size_t at = 0;
	char what[64];

	json_frame_init(&s, c->limits->depth);
	if (json_frame_scan(&s, c->text, c->n, &at) != ERR_TOO_BIG)
		at = 1;
	(void)snprintf(
	    what, sizeof(what), "nested more than %u deep", c->limits->depth);
	return fail_at(c, ERR_TOO_BIG, at - 1, what);
}

static int
check_string(const struct check *c, yyjson_val *v)
{
	size_t n = unsafe_yyjson_get_len(v);

	if (c->limits->nul || n == 0 ||
	    memchr(unsafe_yyjson_get_str(v), '\0', n) == NULL)
		return 0;
	return fail_in(c, v, "\\u0000 in the string ");
}

/* yyjson leaves whole numbers past 64 bits raw, and what no double holds. */
static int
check_raw(const struct check *c, yyjson_val *v)
{
	if (isinf(strtod(unsafe_yyjson_get_raw(v), NULL)))
		return fail_in(c, v, "number past double: ");
	return 0;
}

static int check_children(struct check *c, yyjson_val *v, unsigned depth);

static int
check_value(struct check *c, yyjson_val *v, unsigned depth)
{
	switch (unsafe_yyjson_get_type(v)) {
	case YYJSON_TYPE_STR:
		return check_string(c, v);
	case YYJSON_TYPE_RAW:
		return check_raw(c, v);
	case YYJSON_TYPE_ARR:
	case YYJSON_TYPE_OBJ:
		if (depth == c->limits->depth)
			return fail_depth(c);
		return check_children(c, v, depth + 1);
	default:
		return 0;
	}
}

/* Recurses as deep as the limit. Keys are checked before their values, so
 * that the first mistake in the text is mostly the one that is told. */
static int
check_children(struct check *c, yyjson_val *v, unsigned depth)
{
	bool is_obj = unsafe_yyjson_get_type(v) == YYJSON_TYPE_OBJ;
	size_t n = unsafe_yyjson_get_len(v);
	yyjson_val *child = unsafe_yyjson_get_first(v);
	int err = is_obj ? check_keys(c, v) : 0;

	for (size_t i = 0; i < n && err == 0; i++) {
		if (is_obj) {
			err = check_string(c, child);
			child++;
		}
		if (err == 0)
			err = check_value(c, child, depth);
		child = unsafe_yyjson_get_next(child);
	}
	return err;
}

static int
read_text(const struct check *c, struct json_doc *d)
{
	struct bound bound = { .max = memory_for(c->n, c->limits->values) };
	yyjson_alc alc = { bound_malloc, bound_realloc, bound_free, &bound };
	yyjson_read_err err = { 0 };

	d->y = yyjson_read_opts(d->text, c->n,
	    YYJSON_READ_INSITU | YYJSON_READ_BIGNUM_AS_RAW, &alc, &err);
	if (d->y != NULL && yyjson_doc_get_val_count(d->y) <= c->limits->values)
		return 0;
	if (d->y != NULL || bound.hit)
		return fail_set(c->f, ERR_TOO_BIG, NULL, "more than %u values",
		    c->limits->values);
	if (err.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
		return fail_set(c->f, ERR_NOMEM, NULL, "out of memory");
	if (c->n == 0)
		return fail_set(c->f, ERR_INVALID, NULL, "no JSON: empty text");
	return fail_at(c, ERR_INVALID, err.pos, err.msg);
}

static struct json_doc *
doc_new(const char *p, size_t n)
{
	struct json_doc *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->text = malloc(n + YYJSON_PADDING_SIZE);
	if (d->text == NULL) {
		free(d);
		return NULL;
	}
	if (n > 0)
		memcpy(d->text, p, n);
	memset(d->text + n, 0, YYJSON_PADDING_SIZE);
	return d;
}

int
json_parse(const char *p, size_t n, const struct json_limits *limits,
    struct json_doc **ret, struct fail *f)
{
	struct check c = { .limits = limits, .text = p, .n = n, .f = f };
	struct json_doc *d;
	int err;

	if (n > limits->bytes)
		return fail_set(f, ERR_TOO_BIG, NULL,
		    "%zu bytes of JSON, at most %zu are allowed", n,
		    limits->bytes);
	d = doc_new(p, n);
	if (d == NULL)
		return fail_set(f, ERR_NOMEM, NULL, "out of memory");
	c.copy = d->text;
	err = read_text(&c, d);
	if (err == 0)
		err = check_value(&c, yyjson_doc_get_root(d->y), 0);
	if (err != 0) {
		json_free(d);
		return err;
	}
	*ret = d;
	return 0;
}

void
json_free(struct json_doc *d)
{
	if (d == NULL)
		return;
	yyjson_doc_free(d->y);
	free(d->text);
	free(d);
}
