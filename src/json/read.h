/*
 * read - JSON from a stranger, within limits (RFC 8259, and nothing more).
 *
 * json_parse() refuses what is not strict JSON in valid UTF-8, and besides:
 * more bytes, values or depth than the limits, a key that comes twice in an
 * object, half a surrogate pair, a number past double, and NUL in a string
 * unless allowed. The text of a fail says what and where:
 * `at byte 17: duplicate key "stop"`, bytes counted from 1; with line and
 * column when it is not on the first line.
 *
 * A document keeps a copy of the text. Values and strings point into it and
 * live until json_free(). Every accessor takes NULL for "absent".
 */
#ifndef JSON_READ_H
#define JSON_READ_H

#include "base/buf.h"

struct json_doc;
struct json_value;

/* json_limits.depth may not pass this: checks recurse that deep. */
#define JSON_DEPTH_MAX 512u

struct json_limits {
	size_t bytes;	 /* of text */
	uint32_t values; /* scalars, containers and keys in all */
	uint32_t keys;	 /* in all; they are sorted. 0: as many as values */
	uint32_t depth;	 /* containers in one another; "[]" has 1 */
	bool nul;	 /* whether \u0000 may stand in a string */
};

/* For a request of a client: 64 MiB, 8 Mi values, 512 Ki keys, depth 64, no
 * NUL. The most that it costs: 300 MiB for as long as it is used. */
extern const struct json_limits json_limits_request;

enum json_type {
	JSON_ABSENT, /* the type of NULL */
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

/* 0; ERR_INVALID: no such JSON; ERR_TOO_BIG: over a limit; ERR_NOMEM. p may
 * go away afterwards. f may be NULL. */
int json_parse(const char *p, size_t n, const struct json_limits *limits,
    struct json_doc **ret, struct fail *f) MUST_CHECK;

/* NULL is allowed. */
void json_free(struct json_doc *d);

const struct json_value *json_root(const struct json_doc *d);

enum json_type json_type(const struct json_value *v);

/* "string", "number", "absent" ...; never NULL. */
const char *json_type_name(enum json_type t);

/* The member of that name; NULL if there is none or obj is no object. */
const struct json_value *json_get(
    const struct json_value *obj, const char *key);

/* Elements of an array, members of an object; 0 of anything else. */
size_t json_count(const struct json_value *v);

/* Each of these is false, and *ret untouched, when v is another type or out
 * of the range of *ret. 3.0 and 3e0 are whole numbers. A whole number past
 * 64 bits is only a double. */
bool json_bool(const struct json_value *v, bool *ret);
bool json_i64(const struct json_value *v, int64_t *ret);
bool json_u64(const struct json_value *v, uint64_t *ret);
bool json_f64(const struct json_value *v, double *ret);

/* UTF-8, terminated; may hold NUL only if the limits allowed that. */
bool json_str(const struct json_value *v, struct str *ret);

/* Walks the elements of an array or the members of an object in the order of
 * the text; of anything else there are none. ret_key may be NULL and is empty
 * in an array. */
struct json_iter {
	const struct json_value *next;
	size_t left;
	bool keys;
};

struct json_iter json_iter(const struct json_value *v);
bool json_next(
    struct json_iter *it, struct str *ret_key, const struct json_value **ret);

/* Appends the value as compact JSON: the same value, members in the same
 * order; whole numbers keep every digit however many (so ids come back as
 * they were), other numbers become the shortest text of the same double. */
void json_put_value(struct buf *b, const struct json_value *v);

/* What was sent, short enough for an error message: `-5`, `"hot"`,
 * `"a long str..."`, `an array of 3`. NULL is `nothing`. Valid UTF-8, no
 * control characters. Returns buf. */
#define JSON_SHOW_SIZE 40
const char *json_show(const struct json_value *v, char buf[JSON_SHOW_SIZE]);

#endif
